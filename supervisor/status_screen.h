/* status_screen: struct status as one screen of text for a person. */
#ifndef PM_SUPERVISOR_STATUS_SCREEN_H
#define PM_SUPERVISOR_STATUS_SCREEN_H

#include <stdbool.h>
#include <stdio.h>

#include "supervisor/status.h"

/* colour: with escape sequences for a terminal. */
void status_screen_print(const struct status *status, FILE *out, bool colour);

#endif
