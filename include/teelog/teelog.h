/* All public headers of libteelog. teelog/client.h is that of libteelog-client. */
#ifndef TEELOG_TEELOG_H
#define TEELOG_TEELOG_H

#include "teelog/err.h"
#include "teelog/proof.h"
#include "teelog/quote.h"
#include "teelog/verify.h"

#endif
