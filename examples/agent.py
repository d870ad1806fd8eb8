#!/usr/bin/env python3
"""An agent in Python that pays people: one line "NAME AMOUNT" a payment. It says what it is about to
do, does it only once that is logged, and then says how it went.

    echo 'bob 5' | teelog run --data DIR --tee sim -- python3 agent.py

`teelog run` gives it the log's socket, a token, and the log's key, which the client checks each
receipt under. Exits with 1 where something could not be logged. clients/python has the client, one file.
"""
import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "clients" / "python"))
import teelog_client


def pay(name, amount):
    """In place of a bank."""
    if name == "nobody":
        raise LookupError("there is nobody of that name")
    print(f"paid {name} {amount}", flush=True)


def act(log, name, amount):
    action = log.action("Action:PAY", {"to": name, "amount": amount})
    try:
        with action:  # not entered where the intent is not logged
            pay(name, amount)
    except LookupError:
        pass  # logged as a failure
    print(f"statement {action.intent.index}, and {action.outcome.index} that answers it: "
          f"{action.outcome.log_class}", flush=True)


def main():
    try:
        log = teelog_client.Client(agent="payer", timeout=10)
    except ValueError as e:
        print(f"agent: {e}", file=sys.stderr)
        return 2
    for line in sys.stdin:
        name, amount = line.split()
        try:
            act(log, name, int(amount))
        except teelog_client.NotLogged as e:
            print(f"agent: not logged: {e}", file=sys.stderr)
            return 1
    return 0


sys.exit(main())
