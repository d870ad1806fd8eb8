/* What logs, their disks, witnesses and the host can do: the rules, one inline each, with a
 * guard CAN_x that says when. free.pml takes them in every order; a trace of the real service
 * takes them in the order that was seen (docs/model.md).
 *
 * A checkpoint is a node of a tree: the statements before it are the nodes above it. What is
 * appended, by whomever, is a node of its own, since every boot and record has random bytes. So
 * two checkpoints are consistent where one stands above the other.
 *
 * A switch that is 1 takes out one thing that the promises rest on. */

#ifndef NODES
#define NODES 5 /* checkpoints there can be, in all histories together */
#endif
#ifndef SET
#define SET byte /* of as many bits as there are nodes */
#endif
#ifndef LOGS
#define LOGS 2 /* processes that have the log's key, each with a disk */
#endif
#ifndef WITNESSES
#define WITNESSES 3
#endif
#ifndef QUORUM
#define QUORUM 2
#endif
#ifndef FAULTY
#define FAULTY 0 /* of the witnesses: they cosign anything, and answer any size */
#endif
#ifndef DEGRADED
#define DEGRADED 0 /* the configuration allows degraded starts */
#endif
#ifndef HOST
#define HOST 1 /* it gives every log but the first any disk that there ever was; 2: that one too;
                * 0: it stops logs and cuts them off, no more */
#endif
#ifndef REPLAYS
#define REPLAYS 1 /* it gives a start the answers to an earlier one */
#endif
#ifndef NO_PROVING
#define NO_PROVING 0 /* a start appends its boot before a quorum has cosigned what is stored */
#endif
#ifndef NO_FENCE
#define NO_FENCE 0 /* and takes records before a quorum has cosigned its boot */
#endif
#ifndef NO_FREEZE
#define NO_FREEZE 0 /* proof of another history is not looked at */
#endif
#ifndef FORGETFUL_FREEZE
#define FORGETFUL_FREEZE 0 /* nor kept on the disk */
#endif
#ifndef FREEZE_ON_WORD
#define FREEZE_ON_WORD 0 /* one witness's word, without a proof, is enough to freeze */
#endif
#ifndef EARLY_NOTE
#define EARLY_NOTE 0 /* a note leaves before what it is of is durable */
#endif
#ifndef EARLY_ACK
#define EARLY_ACK 0 /* `cosigned` is said when anybody has cosigned it */
#endif
#ifndef EARLY_ANSWER
#define EARLY_ANSWER 0 /* a witness answers before it has stored what it cosigned */
#endif
#ifndef QUIET_DEGRADED
#define QUIET_DEGRADED 0 /* receipts of a degraded start say `signed` */
#endif

#ifndef ONLY
#define ONLY 0 /* the promise that is looked at; 0: all */
#endif
#define PROMISED(number, name) assert(name || (ONLY && ONLY != number))

#define HONEST (WITNESSES - FAULTY)
#define NONE   NODES

#define ONE(c)          (1 << (c))
#define HAS(set, c)     (((set) >> (c)) & 1)
#define STANDS_IN(a, c) HAS(above[c], a) /* checkpoint c is a, or has grown out of it */
#define AGREE(a, c)     (STANDS_IN(a, c) || STANDS_IN(c, a))

/* Node 0 is the genesis, on the disk of log 0, which runs; nobody has cosigned anything. */
byte made = 1;     /* nodes: [0, made) */
SET above[NODES];  /* with itself */
byte depth[NODES]; /* the checkpoint's size, less one */
SET durable = 1;   /* was on some disk; the host has a copy of it */
SET outside = 1;   /* its note may have left the process: anyone may have it, and submit it */
SET acked;         /* acknowledged as `cosigned`: what stands in these checkpoints */

/* An honest witness: what it judges by, what it has stored of that, and what it has
 * cosigned that is not in quorums.
 * Faulty ones have no state: each has cosigned whatever is outside, whenever that serves the host. */
byte latest[HONEST];
byte stored[HONEST];
SET given[HONEST];
SET quorums; /* of which enough cosignatures exist, with the faulty ones' */

mtype = { OFF, PROVING, BOOTING, OPEN, FROZEN };
mtype phase[LOGS] = OFF;
byte memory[LOGS];      /* its tree; what is beyond the disk's is not committed yet */
byte disk[LOGS] = NONE; /* the head there; NONE: the host has put nothing there yet */
byte boot[LOGS];        /* the node of this boot */
bool degraded[LOGS];    /* went on without a quorum, and no quorum has cosigned its boot since */
bool kept[LOGS];        /* the disk has a note that contradicts its head */
byte fresh[LOGS];       /* a bit for each honest witness that has answered since the start */
/* Not the service's: what the properties are about. */
bool behind[LOGS]; /* a quorum had cosigned what is no part of its tree, before it made its boot */
bool told[LOGS];  /* a log on this disk has seen proof of another history */

hidden byte i, j, n;
hidden byte one_history, nothing_lost, on_the_only_history, proven_before_boot, frozen_is_still,
    no_false_alarm, one_voice;

/* ---- what follows ---- */

/* After each cosign, and each commit: of what there are cosignatures enough. */
inline count_quorums()
{
    for (i : 0 .. made - 1) {
        n = (HAS(outside, i) -> FAULTY : 0);
        for (j : 0 .. HONEST - 1) {
            n = n + HAS(given[j], i)
        }
        quorums = (n >= QUORUM -> quorums | ONE(i) : quorums)
    }
    for (j : 0 .. HONEST - 1) {
        given[j] = given[j] & ~quorums
    }
    n = 0
}

/* The promises about checkpoints, looked at after that:
 * - one_history: no two checkpoints that contradict each other both have a quorum;
 * - nothing_lost: what was acknowledged as `cosigned` stands in each checkpoint with a quorum that
 *   is not older than it, and whatever witnesses cosign from now on, no quorum of theirs will be
 *   without it;
 * - one_voice: a log whose disk the host has left alone never signs a fork of itself. */
inline look_at_promises()
{
    one_history = true;
    nothing_lost = true;
    one_voice = true;
    for (i : 0 .. made - 1) {
        for (j : 0 .. made - 1) {
            if
            :: !AGREE(i, j) ->
                one_history = one_history && !(HAS(quorums, i) && HAS(quorums, j));
                nothing_lost = nothing_lost && !(HAS(acked, i) && HAS(quorums, j));
                one_voice = one_voice && (HOST || !HAS(outside, i) || !HAS(outside, j))
            :: else
            fi
        }
        n = FAULTY;
        for (j : 0 .. HONEST - 1) {
            n = n + !STANDS_IN(i, latest[j])
        }
        nothing_lost = nothing_lost && !(HAS(acked, i) && n >= QUORUM)
    }
    n = 0;
    PROMISED(1, one_history);
    PROMISED(2, nothing_lost);
    PROMISED(7, one_voice)
}

/* n: of the nodes in a set that stand in tip, the deepest; NONE where there is none. */
inline deepest(set, tip)
{
    n = NONE;
    for (i : 0 .. made - 1) {
        if
        :: HAS(set, i) && STANDS_IN(i, tip) && (n == NONE || depth[i] > depth[n]) -> n = i
        :: else
        fi
    }
}

#define UNSEEN(set, tip) ((set) & ~above[tip]) /* checkpoints that are no part of tip */

/* A quorum has cosigned a checkpoint of this log that holds its boot. */
#define BOOT_COSIGNED(p) (cosigned_from(p) != 0)
#define cosigned_from(p) (quorums & above[memory[p]] & ~(above[boot[p]] & ~ONE(boot[p])))

/* ---- a log ---- */

inline genesis()
{
    above[0] = 1;
    disk[0] = 0;
    phase[0] = BOOTING
}

/* In memory alone, until it is committed. */
inline add(p)
{
    above[made] = above[memory[p]] | ONE(made);
    depth[made] = depth[memory[p]] + 1;
    memory[p] = made;
    outside = (EARLY_NOTE -> outside | ONE(made) : outside);
    made++
}

#define CAN_START(p) (phase[p] == OFF && disk[p] != NONE)
inline start(p)
{
    memory[p] = disk[p];
    behind[p] = !REPLAYS && UNSEEN(quorums, disk[p]) != 0;
    phase[p] = (kept[p] -> FROZEN : PROVING)
}

/* The boot statement. The checkpoint that was stored is cosigned first: by answers to this start,
 * or by what the host has kept of answers to another. */
#define ANSWERED(p) (FAULTY + HAS(fresh[p], 0) + HAS(fresh[p], 1) + HAS(fresh[p], 2) + HAS(fresh[p], 3))
#define PROVEN(p)   (REPLAYS -> HAS(quorums, disk[p]) : ANSWERED(p) >= QUORUM)
#define CAN_BOOT(p) (phase[p] == PROVING && made < NODES && (NO_PROVING || DEGRADED || PROVEN(p)))
inline make_boot(p)
{
    degraded[p] = !(NO_PROVING || PROVEN(p));
    proven_before_boot = degraded[p] || !behind[p];
    PROMISED(3, proven_before_boot);
    behind[p] = UNSEEN(quorums, memory[p]) != 0;
    boot[p] = made;
    add(p);
    fresh[p] = 0;
    phase[p] = BOOTING
}

#define CAN_OPEN(p) \
    (phase[p] == BOOTING && HAS(above[disk[p]], boot[p]) && (NO_FENCE || DEGRADED || BOOT_COSIGNED(p)))
inline open(p)
{
    degraded[p] = !(NO_FENCE || BOOT_COSIGNED(p));
    boot[p] = (degraded[p] -> boot[p] : 0); /* it does not matter any more */
    phase[p] = OPEN
}

/* What is not `degraded` any more: a quorum has come. */
#define CAN_MEND(p) (phase[p] == OPEN && degraded[p] && BOOT_COSIGNED(p))
inline mend(p)
{
    degraded[p] = false;
    boot[p] = 0
}

/* A record, which `signed` or `degraded` is said of once it is committed.
 * - on_the_only_history: a record of class `signed` stands on all that quorums had cosigned when
 *   its boot was made. No older disk gets so far.
 * - frozen_is_still: nothing is appended after a proof of another history was seen. */
#define CAN_APPEND(p) (phase[p] == OPEN && made < NODES)
inline append(p)
{
    on_the_only_history = (degraded[p] && !QUIET_DEGRADED) || !behind[p];
    PROMISED(4, on_the_only_history);
    frozen_is_still = !told[p];
    PROMISED(5, frozen_is_still);
    add(p)
}

#define CAN_COMMIT(p) (phase[p] != OFF && memory[p] != disk[p])
inline commit(p)
{
    disk[p] = memory[p];
    durable = durable | ONE(disk[p]);
    outside = outside | ONE(disk[p])
}

/* `cosigned`: of all that stands in the largest checkpoint of ours that a quorum has cosigned. */
#define ANYBODY    (quorums | given[0] | given[1] | given[HONEST - 1])
#define CAN_ACK(p) (phase[p] == OPEN || phase[p] == FROZEN)
inline ack(p)
{
    if
    :: EARLY_ACK -> deepest(ANYBODY, disk[p])
    :: else -> deepest(quorums, disk[p])
    fi;
    if
    :: n != NONE -> acked = acked | above[n]
    :: else
    fi;
    n = 0
}

#define LISTENS(p) (phase[p] != OFF && phase[p] != FROZEN)
inline freeze(p)
{
    no_false_alarm = HOST;
    PROMISED(6, no_false_alarm);
    fresh[p] = 0;
    boot[p] = (NO_FREEZE -> boot[p] : 0);
    phase[p] = (NO_FREEZE -> phase[p] : FROZEN)
}

/* A note under our own key that is no part of what we have: the host shows it, or a witness. */
#define CAN_SEE(p, c) \
    (LISTENS(p) && c < made && HAS(outside, c) && !HAS(above[memory[p]], c))
inline see(p)
{
    told[p] = true;
    kept[p] = !FORGETFUL_FREEZE && !NO_FREEZE;
    freeze(p)
}

/* More witnesses than can be faulty say, without a proof, that they have cosigned a larger one. */
#define CAN_HEAR(p) LISTENS(p)
inline hear(p)
{
    n = FAULTY;
    for (i : 0 .. HONEST - 1) {
        n = n + (depth[latest[i]] > depth[memory[p]])
    }
    if
    :: n > (FREEZE_ON_WORD -> 0 : FAULTY) -> freeze(p)
    :: else
    fi;
    n = 0
}

/* What is in memory is gone; so is what was not committed. */
#define CAN_CRASH(p) (phase[p] != OFF)
inline crash(p)
{
    phase[p] = OFF;
    do /* nobody has ever seen these: the next node may have their place */
    :: HAS(above[memory[p]], made - 1) && !HAS(durable | outside, made - 1) ->
        made--;
        above[made] = 0;
        depth[made] = 0
    :: else -> break
    od;
    memory[p] = 0;
    boot[p] = 0;
    degraded[p] = false;
    fresh[p] = 0;
    behind[p] = false
}

/* ---- the host ---- */

/* An older disk put back, another log's disk copied, or the same: all that was ever durable. */
#define CAN_RESTORE(p, c) (HOST > !p && phase[p] == OFF && c < made && HAS(durable, c))
inline restore(p, c)
{
    disk[p] = c;
    kept[p] = false;
    told[p] = false;
    start(p)
}

/* ---- an honest witness ---- */

/* Asked by a log, or by whoever has its notes. It stores before it answers, at once with the
 * comparison. */
#define CAN_COSIGN(w, c) (c < made && HAS(outside, c) && STANDS_IN(latest[w], c))
inline cosign(by, node)
{
    latest[by] = node;
    given[by] = given[by] | ONE(node);
    stored[by] = (EARLY_ANSWER -> stored[by] : node)
}

/* A log asks it with the checkpoint that is on its disk, and hears the answer: a start waits for
 * these. */
#define CAN_ASK(p, w) (phase[p] == PROVING && CAN_COSIGN(w, disk[p]))
inline ask(p, w)
{
    cosign(w, disk[p]);
    fresh[p] = fresh[p] | ONE(w)
}

/* Only where it has answered too early. */
#define CAN_STORE(w) (stored[w] != latest[w])
inline store(w)
{
    stored[w] = latest[w]
}
inline forget(w)
{
    latest[w] = stored[w]
}
