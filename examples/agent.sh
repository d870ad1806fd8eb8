#!/bin/sh
# An agent in shell that pays people: one line "NAME AMOUNT" a payment. It says what it is about
# to do, does it only once that is logged, and then says how it went.
#
#     echo 'bob 5' | teelog run --data DIR --tee sim -- sh agent.sh
#
# It posts to the log's socket with curl, and checks each receipt as far as a shell can: that the
# statement is in a tree that the log of TEELOG_LOG_KEY has signed, is this agent's, and of the type and the
# content that were sent; and that it is none that was there before. It does not check ref, nor repeat what was
# lost (with a requestId it could). `teelog append` does all of that: where it will do, pipe JSON to it
# instead. Exits with 1 where something could not be logged.
set -u
agent=payer type=Action:PAY
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
: "${TEELOG_SOCKET:?which log?}" "${TEELOG_LOG_KEY:?which log? its key}"
printf 'log %s\nquorum none\n' "$TEELOG_LOG_KEY" >"$work/policy"
size=0 # of the log, as far as it is known

# member NAME: its text or number in the receipt.
member() {
    sed -n "s/^.*[{,]\"$1\":\"\{0,1\}\([^\",}]*\).*\$/\1/p" "$work/receipt"
}

# The receipt as a proof of c2sp.org/tlog-proof, which `teelog verify` reads.
proof() {
    printf 'c2sp.org/tlog-proof@v1\nextra %s\nindex %s\n' "$(member statement)" "$(member index)"
    sed 's/^.*"path":\[\([^]]*\)\].*$/\1/' "$work/receipt" | tr -d '"\n' | tr ',' '\n' | sed '$a\'
    printf '\n%b' "$(member checkpoint)"
}

# The digest of the body (docs/format.md section 5): 4 members, the salt, two empty texts, the content.
digest_sent() {
    {
        printf '\244\001\120'
        member salt | base64 -d
        printf '\002\140\003\140\004\170'
        printf "\\$(printf %03o ${#1})" # of 24 to 255 bytes
        printf %s "$1"
    } | sha256sum | cut -c1-64
}

# That of the statement: 32 bytes, behind which is the signature, 2 + 64.
digest_logged() {
    member statement | base64 -d | tail -c 98 | head -c 32 | od -An -v -tx1 | tr -d ' \n'
}

refuse() {
    printf 'agent: not logged: %s\n' "$1" | tr -c '[:print:]\n' '?' >&2
    return 1
}

# logged CONTENT [REF]: the receipt is in $work/receipt, and holds.
logged() {
    line="{\"agentId\":\"$agent\",\"roomId\":\"\",\"userId\":\"\",\"type\":\"$type\","
    line="$line\"content\":\"$(printf %s "$1" | sed 's/"/\\"/g')\"${2:+,\"ref\":$2}}"
    # The token and the content by standard input and a file: all users see a program's arguments.
    printf %s "$line" >"$work/record"
    printf '%s\n' "${TEELOG_TOKEN:+header = \"Authorization: Bearer $TEELOG_TOKEN\"}" |
        curl --disable --config - --silent --show-error --fail-with-body --max-time 10 \
            --unix-socket "$TEELOG_SOCKET" --data-binary "@$work/record" --output "$work/receipt" \
            'http://localhost/v1/records?receipt=full' ||
        refuse "$(cat "$work/receipt" 2>/dev/null)" || return
    grep -q '^{"index":' "$work/receipt" || refuse "$(cat "$work/receipt")" || return
    proof >"$work/proof"
    said=$(teelog verify "$work/proof" --policy "$work/policy" 2>&1) ||
        refuse "the receipt does not hold: $said" || return
    printf '%s\n' "$said" | grep -q "^entry: $type of $agent, seq " ||
        refuse "the receipt is of another record: $said" || return
    [ "$(digest_sent "$1")" = "$(digest_logged)" ] ||
        refuse "the receipt is of another content" || return
    [ "$(member index)" -ge "$size" ] || refuse "the receipt is an older one's" || return
    size=$(printf %b "$(member checkpoint)" | sed -n 2p) # which was verified
}

# In place of a bank.
pay() {
    [ "$1" != nobody ] && echo "paid $1 $2"
}

while read -r name amount; do
    case $name$amount in
    *[!a-z0-9]* | '') continue ;;
    esac
    # A random id, so that no receipt of an older intent is one of this.
    id=$(od -An -N8 -tx8 /dev/urandom | tr -d ' \n')
    logged "{\"phase\":\"intent\",\"id\":\"$id\",\"to\":\"$name\",\"amount\":$amount}" || exit 1
    intent=$(member index) phase=result
    pay "$name" "$amount" || phase=failure
    logged "{\"phase\":\"$phase\",\"to\":\"$name\"}" "$intent" || exit 1
    echo "statement $intent, and $(member index) that answers it: $(member class | tr -c '[:alnum:] \n' '?')"
done
