package stateview

// A Transport is how bytes travel between the program and a server. The zero
// value means that it is not known yet.
type Transport uint8

// The transports.
const (
	UnknownTransport Transport = iota
	Stdio                      // a child process
	HTTP                       // streamable HTTP
	SSE                        // the older HTTP with server-sent events
)

var transportNames = [...]string{"", "stdio", "http", "sse"}

// String returns the name that the configuration and the API use; empty for UnknownTransport.
func (t Transport) String() string { return transportNames[t] }

// ParseTransport returns the transport of that name; UnknownTransport for any other text.
func ParseTransport(name string) Transport {
	for t, n := range transportNames {
		if n == name {
			return Transport(t)
		}
	}
	return UnknownTransport
}
