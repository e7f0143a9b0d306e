package upstream

import "golang.org/x/sys/unix"

// errWrongArch is what starting a program for another processor ends with,
// beside ENOEXEC.
const errWrongArch = unix.ELIBBAD
