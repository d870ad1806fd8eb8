/* The rules in every order: logs, witnesses and the host at will (docs/model.md).
 *
 * REACH, where it is given, is a state that must be found: a model in which nothing happens
 * breaks no promise either. */
#include "rules.pml"

hidden byte not_reached;
#ifdef REACH
#define REACHED not_reached = !(REACH); assert(not_reached)
#else
#define REACHED skip
#endif

inline ack_if(p)
{
    if
    :: CAN_ACK(p) -> ack(p)
    :: else
    fi
}

/* Whatever may be acknowledged is, at once: the more there is of it, the more must hold. */
inline look()
{
    count_quorums();
    ack_if(0);
    ack_if(1);
    look_at_promises();
    REACHED
}

/* Honest witnesses are alike: which of them is which does not matter, so they stand in order. */
inline swap(a, b)
{
    if
    :: given[a] < given[b] || (given[a] == given[b] && latest[a] < latest[b]) ||
       (given[a] == given[b] && latest[a] == latest[b] && stored[a] < stored[b]) ->
        n = given[a]; given[a] = given[b]; given[b] = n;
        n = latest[a]; latest[a] = latest[b]; latest[b] = n;
        n = stored[a]; stored[a] = stored[b]; stored[b] = n;
        i = 0;
        do
        :: i < LOGS ->
            fresh[i] = (fresh[i] & ~(ONE(a) | ONE(b))) | (HAS(fresh[i], a) << b) | (HAS(fresh[i], b) << a);
            i++
        :: else -> break
        od;
        n = 0
    :: else
    fi
}
inline in_order()
{
#if HONEST > 3
    swap(2, 3);
#endif
#if HONEST > 2
    swap(1, 2);
#endif
    swap(0, 1);
#if HONEST > 3
    swap(2, 3);
#endif
#if HONEST > 2
    swap(1, 2);
#endif
#if HONEST > 3
    swap(2, 3)
#else
    skip
#endif
}

/* One of the nodes for which a rule is open. */
#if NODES > 4
#define NODE_4(CAN, x) :: CAN(x, 4) -> c = 4
#else
#define NODE_4(CAN, x)
#endif
#if NODES > 5
#define NODE_5(CAN, x) :: CAN(x, 5) -> c = 5
#else
#define NODE_5(CAN, x)
#endif
#define ANY_NODE(CAN, x) if \
    :: CAN(x, 0) -> c = 0 :: CAN(x, 1) -> c = 1 :: CAN(x, 2) -> c = 2 :: CAN(x, 3) -> c = 3 \
    NODE_4(CAN, x) NODE_5(CAN, x) fi
#define CHANGES(w, c) (CAN_COSIGN(w, c) && (latest[w] != c || !HAS(given[w] | quorums, c)))

#if HONEST > 2
#define WITNESS_2 :: CAN_ASK(p, 2) -> c = 2
#else
#define WITNESS_2
#endif
#if HONEST > 3
#define WITNESS_3 :: CAN_ASK(p, 3) -> c = 3
#else
#define WITNESS_3
#endif
#define ANY_WITNESS if :: CAN_ASK(p, 0) -> c = 0 :: CAN_ASK(p, 1) -> c = 1 WITNESS_2 WITNESS_3 fi

proctype Log(byte p)
{
    byte c;
    do
    :: d_step { CAN_START(p) -> start(p); REACHED }
    :: d_step { CAN_BOOT(p) -> make_boot(p); REACHED }
    :: d_step { CAN_OPEN(p) -> open(p); look() }
    :: d_step { CAN_MEND(p) -> mend(p); REACHED }
    :: d_step { CAN_APPEND(p) -> append(p); REACHED }
    :: d_step { CAN_COMMIT(p) -> commit(p); look() }
    :: d_step { CAN_CRASH(p) -> crash(p); REACHED }
    :: d_step { CAN_HEAR(p) -> hear(p); REACHED }
    :: atomic { ANY_NODE(CAN_SEE, p); d_step { see(p); REACHED; c = 0 } }
#if !REPLAYS
    :: atomic { ANY_WITNESS; d_step { ask(p, c); in_order(); look(); c = 0 } }
#endif
#if HOST
    :: atomic { ANY_NODE(CAN_RESTORE, p); d_step { restore(p, c); REACHED; c = 0 } }
#endif
    od
}

proctype Witness(byte w)
{
    byte c;
    do
    :: atomic { ANY_NODE(CHANGES, w); d_step { cosign(w, c); in_order(); look(); c = 0 } }
#if EARLY_ANSWER
    :: d_step { CAN_STORE(w) -> store(w); in_order() }
    :: d_step { CAN_STORE(w) -> forget(w); in_order() }
#endif
    od
}

init
{
    atomic {
        genesis();
        run Log(0);
#if HOST
        run Log(1);
#endif
        run Witness(0);
        run Witness(1);
#if HONEST > 2
        run Witness(2);
#endif
#if HONEST > 3
        run Witness(3);
#endif
    }
}
