// An agent in TypeScript that pays people: one line "NAME AMOUNT" a payment. It says what it is about
// to do, does it only once that is logged, and then says how it went.
//
//     echo 'bob 5' | teelog run --data DIR --tee sim -- node agent.js
//
// `teelog run` gives it the log's socket, a token, and the log's key, which the client checks each
// receipt under. Exits with 1 where something could not be logged. The client needs nothing but Node
// (integrations/elizaos/README.md).
import {createInterface} from 'node:readline';
import {Client, fromEnvironment} from 'plugin-teelog/client';

const payment = {agentId: 'payer', roomId: '', userId: '', type: 'Action:PAY'};

// In place of a bank.
class Nobody extends Error {}
function pay(name: string, amount: number): void {
  if (name === 'nobody') throw new Nobody('there is nobody of that name');
  console.log(`paid ${name} ${amount}`);
}

async function act(log: Client, name: string, amount: number): Promise<void> {
  const {intent, outcome} = await log.action(payment, {to: name, amount}, () => pay(name, amount), 10000);
  console.log(`statement ${intent.index}, and ${outcome.index} that answers it: ${outcome.class}`);
}

async function main(): Promise<number> {
  let log: Client;
  try {
    log = new Client(fromEnvironment());
  } catch (e) {
    console.error(`agent: ${(e as Error).message}`);
    return 2;
  }
  for await (const line of createInterface({input: process.stdin})) {
    const [name = '', amount = ''] = line.split(' ');
    try {
      await act(log, name, Number(amount));
    } catch (e) {
      if (e instanceof Nobody) continue; // logged as a failure
      console.error(`agent: not logged: ${(e as Error).message}`);
      return 1;
    }
  }
  log.close();
  return 0;
}

process.exitCode = await main();
