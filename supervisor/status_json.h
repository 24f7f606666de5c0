/* status_json: struct status as one JSON object with stable snake_case keys and exact decimals, and back. Both ways walk
 * the same tables, so what the daemon writes is what the command reads. Sections that are not known are null. */
#ifndef PM_SUPERVISOR_STATUS_JSON_H
#define PM_SUPERVISOR_STATUS_JSON_H

#include "common/check.h"
#include "supervisor/status.h"

struct json_object; /* json-c's */

enum status_json_status { STATUS_JSON_OK = 0, STATUS_JSON_BAD };

/* The caller puts it away with json_object_put. Ends the process without memory, as json-c's constructors have no other
 * sensible answer. */
struct json_object *status_json_new(const struct status *status);

/* Keys that are not known are passed over and missing ones leave zeros, so that a command and a daemon of neighbouring versions
 * understand each other. field (when not NULL) names what was wrong. */
PM_MUST_CHECK enum status_json_status status_json_read(struct status *status, struct json_object *object, const char **field);

#endif
