package httpapi

import (
	"errors"
	"fmt"
	"net"
	"syscall"

	"mcpproxy-tray/internal/stateview"
)

// A ListenError says why an address cannot be listened on.
type ListenError struct {
	Addr string
	Err  error
}

// What can be wrong with an address before it is tried.
var (
	errNotAddress  = errors.New("not an address with a port")
	errNotLoopback = errors.New("not a loopback address")
)

// wsaAddrInUse is WSAEADDRINUSE, which Windows reports and no other system has
// (learn.microsoft.com, "Windows Sockets Error Codes").
const wsaAddrInUse = syscall.Errno(10048)

func (e *ListenError) Error() string { return fmt.Sprintf("listen on %q: %v", e.Addr, e.Err) }

func (e *ListenError) Unwrap() error { return e.Err }

// InUse reports whether another program listens there.
func (e *ListenError) InUse() bool {
	return errors.Is(e.Err, syscall.EADDRINUSE) || errors.Is(e.Err, wsaAddrInUse)
}

// Problem words the error for people.
func (e *ListenError) Problem() stateview.Problem {
	p := stateview.Problem{
		Code:   "MPT-LISTEN",
		Text:   fmt.Sprintf("The address %s cannot be listened on.", e.Addr),
		Hint:   `Set another "listen" in the configuration file, e.g. "127.0.0.1:7420".`,
		Action: "edit_config",
	}
	switch {
	case e.InUse():
		p.Code = "MPT-PORT-IN-USE"
		p.Text = fmt.Sprintf("Another program already uses the address %s.", e.Addr)
		p.Hint = `End that program, or set another "listen" in the configuration file and in your AI clients.`
	case errors.Is(e.Err, errNotLoopback):
		p.Code = "MPT-LISTEN-PUBLIC"
		p.Text = fmt.Sprintf("The address %s is not allowed: only 127.0.0.1, [::1] and localhost are safe from other computers.", e.Addr)
	case errors.Is(e.Err, errNotAddress):
		p.Text = fmt.Sprintf("%q is not an address with a port.", e.Addr)
	}
	return p
}

// Listen opens addr, "host:port", where host is 127.0.0.1, [::1] or localhost;
// port 0 picks a free one.
// Its error is a *ListenError.
func Listen(addr string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, &ListenError{addr, errNotAddress}
	}
	switch host { // the hosts that the front door knows
	case "127.0.0.1", "::1":
	case "localhost":
		host = "127.0.0.1" // what the name means to a resolver is no matter
	default:
		return nil, &ListenError{addr, errNotLoopback}
	}
	ln, err := net.Listen("tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, &ListenError{addr, err}
	}
	return ln, nil
}

// URL returns the address of a listener as clients write it.
func URL(addr net.Addr) string { return "http://" + addr.String() }
