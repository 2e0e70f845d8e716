#ifndef KAIROS_CPOSIX_H
#define KAIROS_CPOSIX_H

#include "Files.h"
#include "OptionScan.h"

#endif
