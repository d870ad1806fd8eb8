/* Core dumps, which would hold keys. */
#ifndef TL_CLI_CORES_H
#define TL_CLI_CORES_H

/* No core of this process from now on. */
void cores_off(void);
/* In a child before exec: as this process was given them. */
void cores_reset(void);

#endif
