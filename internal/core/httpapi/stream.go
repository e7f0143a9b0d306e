package httpapi

import (
	"context"
	"net"
	"net/http"
	"strconv"
	"time"
)

const (
	heartbeat  = 30 * time.Second // only while a client is connected; clients give up after about a minute of silence
	writeLimit = 10 * time.Second // a client that takes nothing for so long is cut
	reconnect  = time.Second      // what clients wait before they come back; their own default is 3 s and more
	maxUnsent  = 16 << 10         // bytes that the system keeps for a client that does not read
)

// retry tells the client when to come back after the stream has ended.
var retry = append(strconv.AppendInt([]byte("retry: "), reconnect.Milliseconds(), 10), "\n\n"...)

// comment is what clients ignore but proxies and time limits see.
var comment = []byte(":\n\n")

// connKey is the context key of a request's connection.
type connKey struct{}

// withConn remembers a connection for what http.ResponseController cannot do.
func withConn(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, conn)
}

// An eventWriter writes server-sent events, each within writeLimit.
type eventWriter struct {
	w    http.ResponseWriter
	conn *http.ResponseController
}

// newEventWriter begins the answer that is a stream.
func newEventWriter(w http.ResponseWriter, r *http.Request) eventWriter {
	if conn, ok := r.Context().Value(connKey{}).(net.Conn); ok {
		limitUnsent(conn, maxUnsent)
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	return eventWriter{w, http.NewResponseController(w)}
}

// send writes whole events.
func (o eventWriter) send(events ...[]byte) error {
	_ = o.conn.SetWriteDeadline(time.Now().Add(writeLimit)) // not supported only where there is no connection
	for _, e := range events {
		if _, err := o.w.Write(e); err != nil {
			return err
		}
	}
	return o.conn.Flush()
}

// appendEvent appends the event of that name; data is one line of JSON with its
// line end. An event without an id leaves the client's last one as it is.
func appendEvent(to []byte, name, id string, data []byte) []byte {
	to = append(append(append(to, "event: "...), name...), '\n')
	to = appendID(to, id)
	to = append(append(to, "data: "...), data...)
	return append(to, '\n')
}

func appendID(to []byte, id string) []byte {
	if id == "" {
		return to
	}
	return append(append(append(to, "id: "...), id...), '\n')
}
