package httpapi

import (
	"encoding/binary"
	"net/netip"
	"syscall"
)

// From linux/sock_diag.h, linux/inet_diag.h and linux/netlink.h.
const (
	netlinkSockDiag  = 4
	sockDiagByFamily = 20
	diagRequestSize  = 16 + 56 // nlmsghdr and inet_diag_req_v2
	diagUnread       = 16 + 56 // where idiag_rqueue stands in the answer, after id and expires
	diagMessageSize  = 16 + 72 // nlmsghdr and inet_diag_msg
)

// queued returns how many bytes the TCP socket of this computer that is connected
// from one address to another has not handed to its program, and has not got through
// to the other side. ok is false if that cannot be told.
func queued(from, to netip.AddrPort) (unread, unsent uint32, ok bool) {
	fd, err := syscall.Socket(syscall.AF_NETLINK, syscall.SOCK_RAW|syscall.SOCK_CLOEXEC, netlinkSockDiag)
	if err != nil {
		return 0, 0, false
	}
	defer func() { _ = syscall.Close(fd) }()
	request := diagRequest(from, to)
	if syscall.Sendto(fd, request[:], 0, &syscall.SockaddrNetlink{Family: syscall.AF_NETLINK}) != nil {
		return 0, 0, false
	}
	var answer [512]byte
	n, _, err := syscall.Recvfrom(fd, answer[:], 0)
	if err != nil || n < diagMessageSize || binary.NativeEndian.Uint16(answer[4:]) != sockDiagByFamily {
		return 0, 0, false
	}
	return binary.NativeEndian.Uint32(answer[diagUnread:]), binary.NativeEndian.Uint32(answer[diagUnread+4:]), true
}

// diagRequest asks for one socket by its addresses.
func diagRequest(from, to netip.AddrPort) (b [diagRequestSize]byte) {
	native := binary.NativeEndian
	native.PutUint32(b[0:], diagRequestSize)
	native.PutUint16(b[4:], sockDiagByFamily)
	native.PutUint16(b[6:], syscall.NLM_F_REQUEST)
	b[16], b[17] = syscall.AF_INET, syscall.IPPROTO_TCP
	if from.Addr().Is6() {
		b[16] = syscall.AF_INET6
	}
	native.PutUint32(b[20:], ^uint32(0)) // in any state
	binary.BigEndian.PutUint16(b[24:], from.Port())
	binary.BigEndian.PutUint16(b[26:], to.Port())
	copy(b[28:44], from.Addr().AsSlice())
	copy(b[44:60], to.Addr().AsSlice())
	native.PutUint64(b[64:], ^uint64(0)) // no cookie
	return b
}
