package upstream

import "syscall"

// errWrongArch is what starting a program for another processor ends with,
// beside ENOEXEC.
const errWrongArch = syscall.EBADARCH
