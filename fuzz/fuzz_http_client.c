/* The client's reading of answers: however the bytes arrive, the same comes out.
 * The parser is private to its file, hence the include. */
#include "client/client.c"
#include "fuzz.h"

#include <sys/socket.h>
#include <unistd.h>

#define INPUT_LIMIT 16384

/* Puts everything into a socket whose reads give chunk bytes at a time. */
static int serve(slice in, size_t chunk)
{
    int fds[2];
    MUST(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds) == 0);
    while (in.n) {
        slice packet = take_front(&in, chunk);
        MUST(send(fds[1], packet.p, packet.n, 0) == (ssize_t)packet.n);
    }
    close(fds[1]);
    return fds[0];
}

/* All answers, written down in one text. */
static void read_all(buf *out, slice in, size_t chunk)
{
    struct client c = {.link = {.fd = serve(in, chunk)}, .where = "fuzz", .host = "fuzz"};
    tl_err err = TL_OK;
    buf_init(&c.in, INPUT_MAX);
    while (err == TL_OK) {
        struct client_answer a;
        struct tl_why why = {0};
        err = client_head(&c, &a, &why);
        if (err != TL_OK)
            break;
        MUST(a.status >= 0 && a.status <= 599);
        buf_printf(out, "%d %u %d\n", a.status, a.retry_after, a.close);
        if (a.status == 200) {
            err = client_body_all(&c, out, &why);
        } else {
            err = client_refusal(&c, &a, &why);
            MUST(err != TL_OK && why.text[0] && utf8_valid(slice_str(why.text)));
            buf_str(out, why.text);
            err = err == TL_E_SHORT || err == TL_E_HTTP ? err : TL_OK;
        }
    }
    buf_printf(out, "%s\n", tl_err_name(err));
    close(c.link.fd);
    buf_finish(&c.in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > INPUT_LIMIT)
        return 0;
    slice in = slice_of(data + 1, size - 1);
    buf whole, parts;
    buf_init(&whole, 1 << 20);
    buf_init(&parts, 1 << 20);
    read_all(&whole, in, in.n);
    /* A socket holds a few hundred packets. */
    read_all(&parts, in, 1 + data[0] % 16 + in.n / 100);
    MUST(buf_err(&whole) == TL_OK && slice_eq(buf_slice(&whole), buf_slice(&parts)));
    buf_finish(&whole);
    buf_finish(&parts);
    return 0;
}
