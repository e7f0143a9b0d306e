package httpapi

// tcpNotSentLowAt is TCP_NOTSENT_LOWAT (netinet/tcp.h), which package syscall has not.
const tcpNotSentLowAt = 0x201
