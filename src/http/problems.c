#include "http/problems.h"

static const struct titles {
    const char *path, *wrong, *missing;
} routes[] = {
    {"/entries/", "Invalid locator", "Not Found"},
    {"/.well-known/scitt-keys", "Malformed request", "No such key"},
};

const char *problems_title(slice path, int status, const char *otherwise)
{
    const struct titles *t = NULL;
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++)
        if (slice_starts(path, slice_str(routes[i].path)))
            t = &routes[i];
    if (!t)
        return NULL;
    return status == 400 ? t->wrong : status == 404 ? t->missing : otherwise;
}
