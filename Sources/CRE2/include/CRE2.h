#ifndef KAIROS_CRE2_H
#define KAIROS_CRE2_H
#endif
