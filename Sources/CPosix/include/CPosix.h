#ifndef KAIROS_CPOSIX_H
#define KAIROS_CPOSIX_H

#include "OptionScan.h"

#endif
