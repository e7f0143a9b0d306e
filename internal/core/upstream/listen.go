package upstream

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// listen keeps a stream open on which a remote server says what changes, until
// the session ends. Servers that offer none are left in peace: the older ones
// answer a GET with 405, the newer ones do not declare listChanged.
func (r *remote) listen(s *Session) {
	caps := s.client.InitializeResult().Capabilities
	if r.modern() && !announces(caps) {
		return
	}
	r.streams.Go(func() {
		var events *eventReader
		var wait time.Duration
		for again := false; ; again = true {
			began := time.Now()
			resp, err := r.openListen(r.wire.life, s, events)
			if err == nil {
				if again { // what was said while nobody listened is lost, so look
					r.wire.outdate(allKinds)
				}
				events = r.follow(resp, events)
				wait = max(wait, events.retry)
			}
			if !r.goOn(err) {
				return
			}
			if wait *= 2; time.Since(began) > steadyStream {
				wait = minRetry
			}
			if pause(r.wire.life, wait) != nil {
				return
			}
		}
	})
}

// steadyStream is how long a stream must live to be opened again without delay.
const steadyStream = 30 * time.Second

// goOn reports whether to open the stream again after err. An error that no
// later request can survive ends the session.
func (r *remote) goOn(err error) bool {
	switch {
	case r.wire.life.Err() != nil:
		return false
	case err == nil, hasEntry(err, pNetTimeout, pTooMany, pServerError), ours(err):
		return true
	case unreachable(err):
		r.doubts(err)
		return true
	case hasEntry(err, pSessionLost):
		r.wire.end(err)
	default:
		r.wire.log.Debug("no stream of changes", "err", err)
	}
	return false
}

func announces(caps *mcp.ServerCapabilities) bool {
	return caps != nil && caps.Tools != nil && caps.Tools.ListChanged
}

// follow delivers what a stream says until it ends.
func (r *remote) follow(resp *http.Response, before *eventReader) *eventReader {
	defer resp.Body.Close()
	stop := context.AfterFunc(r.wire.life, func() { resp.Body.Close() })
	defer stop()
	events := newEventReader(resp.Body, r.maxBytes)
	if before != nil {
		events = before.next(resp.Body)
	}
	if _, err := r.deliverEvents(events, nil); err != nil {
		r.wire.log.Debug("stream of changes ended", "err", err)
	}
	return events
}

// openListen opens the stream in the way of the session's revision.
func (r *remote) openListen(ctx context.Context, s *Session, before *eventReader) (*http.Response, error) {
	if !r.modern() {
		lastID := ""
		if before != nil {
			lastID = before.lastID
		}
		return r.openStream(ctx, lastID)
	}
	params, err := rewriteParams(json.RawMessage(`{"notifications":{"toolsListChanged":true}}`), s.meta)
	if err != nil {
		return nil, err
	}
	m := encodeRequest(r.wire.reserveID(), methodListen, params)
	resp, err := r.post(ctx, m)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK || !bytes.HasPrefix([]byte(resp.Header.Get("Content-Type")), []byte("text/event-stream")) {
		defer drainBody(resp)
		return nil, statusProblem(resp)
	}
	return resp, nil
}
