/* control_client: the command line's end of run_dir/control.sock. Blocking, each call with a deadline. */
#ifndef PM_SUPERVISOR_CONTROL_CLIENT_H
#define PM_SUPERVISOR_CONTROL_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/check.h"
#include "common/limits.h"
#include "supervisor/control_request.h"

#define CONTROL_CLIENT_ERROR_SIZE 512

enum control_client_status {
        CONTROL_CLIENT_OK = 0,
        CONTROL_CLIENT_ABSENT,  /* nobody listens */
        CONTROL_CLIENT_DENIED,  /* no right to open the socket */
        CONTROL_CLIENT_TIMEOUT, /* no answer in time: not known whether it was done */
        CONTROL_CLIENT_BROKEN,  /* ended, or sent what is no answer: not known whether it was done */
};

struct control_client {
        int fd;
        int peer_pid;
        bool unknown;                          /* after a call: the command may have been done or not */
        char error[CONTROL_CLIENT_ERROR_SIZE]; /* one sentence, when a call did not return OK */
};

struct json_object; /* json-c's */

PM_MUST_CHECK enum control_client_status control_client_open(struct control_client *client, const char *path);
/* Sends the request and waits for its answer: at most request->timeout_ms and a second. The answer is the whole object, to be
 * put away with json_object_put; *ok and *message (borrowed from it) are its first two keys. */
PM_MUST_CHECK enum control_client_status control_client_call(struct control_client *client, const struct control_request *request,
                                                             struct json_object **answer, bool *ok, const char **message);
void control_client_close(struct control_client *client);

#endif
