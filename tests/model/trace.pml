/* The rules in the order in which a running service was seen to follow them: trace.py appends
 * the events (docs/model.md). An event that no rule allows stops the run, as a broken promise
 * does. Logs are the folders that services ran on; witnesses are those that the test left honest. */
#define SET  int
#define HOST 2
#include "rules.pml"

hidden byte refused;

inline look()
{
    count_quorums();
    look_at_promises()
}

#define REFUSE refused = 1; assert(!refused)

/* A service was started on a disk with this head. */
inline begins(p, node)
{
    if
    :: disk[p] == node && CAN_START(p) -> start(p)
    :: disk[p] != node && CAN_RESTORE(p, node) -> restore(p, node)
    :: else -> REFUSE
    fi
}

/* It has ended, however, and the disk has this head. */
inline ends(p, node)
{
    if
    :: disk[p] == node && CAN_CRASH(p) -> crash(p)
    :: else -> REFUSE
    fi
}

/* A boot statement was added to the log and has become durable. */
inline boots(p)
{
    if
    :: CAN_BOOT(p) -> make_boot(p); commit(p); look()
    :: else -> REFUSE
    fi
}

/* The log's own list of heads: nothing that anybody says. */
inline heads(p)
{
    if
    :: phase[p] == BOOTING || phase[p] == OPEN -> add(p); commit(p); look()
    :: else -> REFUSE
    fi
}

/* Sessions and records were added and have become durable. Nobody sees the fence open: by now it
 * must be. */
inline grows(p)
{
    if
    :: CAN_OPEN(p) -> open(p)
    :: else
    fi;
    if
    :: CAN_APPEND(p) -> append(p); commit(p); look()
    :: else -> REFUSE
    fi
}

/* A witness has cosigned what this log submitted. */
inline cosigns(p, w, node)
{
    if
    :: CAN_COSIGN(w, node) ->
        cosign(w, node);
        fresh[p] = (phase[p] == PROVING && disk[p] == node -> fresh[p] | ONE(w) : fresh[p]);
        look()
    :: else -> REFUSE
    fi
}

/* A receipt of class `signed`. That a degraded start was made good nobody sees either. */
inline signed(p)
{
    if
    :: CAN_MEND(p) -> mend(p)
    :: else
    fi;
    if
    :: phase[p] != OFF && !degraded[p] -> skip
    :: else -> REFUSE
    fi
}

/* Of class `degraded`: the boot has no quorum. */
inline said_degraded(p)
{
    if
    :: phase[p] != OFF && degraded[p] -> skip
    :: else -> REFUSE
    fi
}

/* One of class `cosigned`, by this checkpoint. */
inline cosigned(p, node)
{
    if
    :: CAN_MEND(p) -> mend(p)
    :: else
    fi;
    if
    :: CAN_ACK(p) && HAS(quorums, node) && STANDS_IN(node, disk[p]) -> ack(p); look()
    :: else -> REFUSE
    fi
}

/* It says that it is frozen, by this note, or by its witnesses' word. */
inline freezes(p, node)
{
    if
    :: phase[p] == FROZEN -> skip
    :: CAN_SEE(p, node) -> see(p)
    :: else -> REFUSE
    fi
}
inline freezes_by_word(p)
{
    if
    :: CAN_HEAR(p) -> hear(p)
    :: else
    fi;
    if
    :: phase[p] == FROZEN -> skip
    :: else -> REFUSE
    fi
}
