package httpapi

// tcpNotSentLowAt is TCP_NOTSENT_LOWAT (linux/tcp.h), which package syscall has not.
const tcpNotSentLowAt = 25
