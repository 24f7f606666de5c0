/* verb_portfolio: the verbs over the portfolio: pause, resume, capital, positions, send. */
#ifndef PM_SUPERVISOR_VERB_PORTFOLIO_H
#define PM_SUPERVISOR_VERB_PORTFOLIO_H

#include "supervisor/verb_call.h"

int verb_portfolio_pause(struct verb_call *call); /* and resume */
int verb_portfolio_capital(struct verb_call *call);
int verb_portfolio_positions(struct verb_call *call);
int verb_portfolio_send(struct verb_call *call);

#endif
