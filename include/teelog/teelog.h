/* All of teelog's public headers. */
#ifndef TEELOG_TEELOG_H
#define TEELOG_TEELOG_H

#include "teelog/err.h"
#include "teelog/proof.h"
#include "teelog/quote.h"
#include "teelog/verify.h"

#endif
