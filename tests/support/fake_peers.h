/* fake_peers: a real pm-worker process between a supervisor and a persister that a test plays, over real links, and an HTTP
 * client that waits without stopping them. The persister keeps a replica of the core, as the real one does, and checks
 * each batch's digest. For tests only. */
#ifndef PM_TESTS_FAKE_PEERS_H
#define PM_TESTS_FAKE_PEERS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/config.h"
#include "common/link.h"
#include "common/loop.h"
#include "common/msg.h"
#include "worker/core/core.h"

#define FAKE_RESPONSE_SIZE (1 << 20)

struct fake_peers {
        struct loop *loop;
        struct config config;
        struct core *replica;
        struct link *control;
        struct link *data;
        char dir[64];
        int http_fd;
        uint16_t port;
        pid_t worker;
        int exit_code; /* -1: lives; 256 + number: killed by a signal */
        uint64_t spawn_no;
        uint64_t incarnation;

        bool acks;           /* the persister answers batches */
        bool answers_hello;  /* and a HELLO of its incarnation, with an acknowledgement */
        uint64_t stored_seq; /* of the replica */
        uint64_t batches_count;
        uint64_t resent_events; /* events that the replica had already */
        uint64_t data_hellos;
        struct msg_hello data_hello;
        struct msg_hello control_hello;
        uint64_t heartbeats;
        struct msg_heartbeat heartbeat;
        bool is_ready;
        struct msg_worker_ready ready;
        bool is_drained;
        struct msg_drained drained;
        uint64_t results_count;
        struct msg_command_result result; /* without its message */
        char result_message[256];
        bool is_reported;
        struct msg_worker_report report;
};

/* Everything up to a worker that has said HELLO on both links. assignments: "section.key=value" each, ending in NULL. */
void fake_peers_start(struct fake_peers *peers, const char *const *assignments);
/* Kills what lives, removes what was made. */
void fake_peers_stop(struct fake_peers *peers);

/* Snapshot of the replica (a fresh portfolio of 5,000,000 first) to the worker, and its READY. */
void fake_peers_send_snapshot(struct fake_peers *peers, enum recovery_problem problem);
void fake_peers_rehydrate(struct fake_peers *peers, enum recovery_problem problem);
void fake_peers_go(struct fake_peers *peers);
void fake_peers_open(struct fake_peers *peers); /* both */

/* The data link goes away and comes back as a new persister's would. */
void fake_peers_drop_data(struct fake_peers *peers);
void fake_peers_listen_data(struct fake_peers *peers);
/* The supervisor's end, when the test has freed it. */
void fake_peers_listen_control(struct fake_peers *peers);
/* Takes in what the worker sent, as far as it is whole, and acknowledges it. */
void fake_peers_ack(struct fake_peers *peers, uint64_t through_seq);
void fake_peers_send_data(struct fake_peers *peers, const struct msg *msg);
void fake_peers_send_control(struct fake_peers *peers, const struct msg *msg);

/* Turns the loop until *condition holds, at most ms milliseconds; fails the test otherwise. */
void fake_peers_wait_u64(struct fake_peers *peers, const uint64_t *value, uint64_t at_least, int64_t ms);
void fake_peers_wait_bool(struct fake_peers *peers, const bool *condition, int64_t ms);
void fake_peers_wait_exit(struct fake_peers *peers, int64_t ms);
void fake_peers_turn(struct fake_peers *peers, int64_t ms);

/* HTTP. connect gives a socket; send writes text; receive waits for one whole answer (by its Content-Length or the close) and
 * returns its status code, 0 when the connection closed without one, -1 when ms passed. The answer with its headers is in
 * response, ended by NUL. */
int fake_peers_connect(struct fake_peers *peers);
void fake_peers_send(struct fake_peers *peers, int fd, const char *text);
int fake_peers_receive(struct fake_peers *peers, int fd, char *response, int64_t ms);
/* All of it on a connection of its own. */
int fake_peers_post(struct fake_peers *peers, const char *body, char *response);
int fake_peers_get(struct fake_peers *peers, const char *path, char *response);
void fake_peers_send_post(struct fake_peers *peers, int fd, const char *body);

#endif
