package upstream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
)

// receive reads the answer to a POST and delivers the messages in it.
func (r *remote) receive(ctx context.Context, m message, resp *http.Response) error {
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return r.refused(m, kind, resp)
	}
	if !m.isCall() || resp.StatusCode == http.StatusAccepted || resp.StatusCode == http.StatusNoContent {
		return nil
	}
	switch {
	case kind == "text/event-stream":
		return r.receiveStream(ctx, m, resp)
	case r.old:
		return nil
	case kind == "application/json":
		body, err := readBody(resp.Body, r.maxBytes)
		if err != nil {
			return r.cutProblem(ctx, err)
		}
		answers, err := r.wire.deliver(body, true)
		if err == nil && !bytes.Equal(answers, m.id) {
			err = errors.New("it answers something else")
		}
		if err != nil {
			return pNoAnswer.with().because(err)
		}
		return nil
	case strings.Contains(kind, "html"):
		return pWebPage.with()
	default:
		return pNotMCP.with(r.wire.secrets.show(resp.Header.Get("Content-Type"), 80))
	}
}

// receiveStream delivers the messages of an answer that came as a stream, until
// the answer itself. A stream that was cut is resumed if the server numbers its events.
func (r *remote) receiveStream(ctx context.Context, m message, resp *http.Response) error {
	events := newEventReader(resp.Body, r.maxBytes)
	for range maxResumes {
		answered, err := r.deliverEvents(events, m.id)
		switch {
		case answered:
			return nil
		case errors.Is(err, errTooLarge):
			return pTooLarge.with(r.maxBytes >> 20)
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case events.lastID == "" || r.modern():
			return pNoAnswer.with().because(err)
		}
		if err := pause(ctx, events.retry); err != nil {
			return err
		}
		again, err := r.openStream(ctx, events.lastID)
		if err != nil {
			return pNoAnswer.with().because(err)
		}
		defer again.Body.Close()
		events = events.next(again.Body)
	}
	return pNoAnswer.with()
}

// deliverEvents delivers messages until the one that answers id, or to the end.
func (r *remote) deliverEvents(events *eventReader, id []byte) (answered bool, err error) {
	of := r.wire.of(id)
	err = events.each(func(e event) bool {
		if e.name != "" && e.name != "message" {
			return true
		}
		answers, err := r.wire.deliverIn(of, e.data, true)
		if err != nil {
			r.wire.log.Warn("event that is no message", "err", r.wire.secrets.cover(err))
		}
		answered = id != nil && bytes.Equal(answers, id)
		return !answered
	})
	return answered, err
}

// openStream asks for the stream of what the server sends by itself, or for the
// rest of one that ended after the event lastID.
func (r *remote) openStream(ctx context.Context, lastID string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.endpoint.String(), nil)
	if err != nil {
		return nil, err
	}
	r.setHeaders(req, r.negotiated())
	req.Header.Set("Accept", "text/event-stream")
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	resp, err := r.do(req)
	if err != nil {
		return nil, err
	}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch {
	case resp.StatusCode == http.StatusOK && kind == "text/event-stream":
		return resp, nil
	case resp.StatusCode == http.StatusNotFound && r.sessionID() != "":
		err = pSessionLost.with()
	case resp.StatusCode != http.StatusOK:
		err = statusProblem(resp)
	default:
		err = pNotMCP.with(r.wire.secrets.show(resp.Header.Get("Content-Type"), 80))
	}
	drainBody(resp)
	return nil, err
}

// refused words a status that is no success. A JSON-RPC error in the body is an
// answer like any other: the 2026-07-28 revision sends it with status 4xx.
func (r *remote) refused(m message, kind string, resp *http.Response) error {
	lost := resp.StatusCode == http.StatusNotFound && r.sessionID() != ""
	auth := resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden
	// A server, or what stands before it, that is busy or broken while we greet is
	// tried again; what it says beside that would end the attempt for good.
	later := r.negotiated() == "" && (resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests)
	if m.isCall() && kind == "application/json" && !auth && !later {
		body, _ := readBody(resp.Body, min(r.maxBytes, maxErrorBytes)) // cut: no answer in it
		e, err := scanEnvelope(body)
		switch {
		case err != nil || e.method != nil || e.err == nil:
		case bytes.Equal(e.id, m.id):
			_, err := r.wire.deliver(body, true)
			return err
		case resp.StatusCode == http.StatusBadRequest && r.sessionID() != "" && namesSession(e.err):
			lost = true // as many servers built on the TypeScript library do
		case !lost:
			_, err := r.wire.deliver(fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%s,"error":%s}`, m.id, e.err), true)
			return err
		}
	}
	if lost {
		// "The server MAY terminate the session at any time, after which it MUST respond to
		// requests containing that session ID with HTTP 404 Not Found." [2025-11-25, transports]
		return pSessionLost.with()
	}
	return statusProblem(resp)
}

func namesSession(rpcErr []byte) bool {
	return strings.Contains(strings.ToLower(errorMessage(rpcErr, nil)), "session")
}

// maxErrorBytes is how much of a refusal is looked at.
const maxErrorBytes = 1 << 20

// maxResumes bounds how often one answer is resumed.
const maxResumes = 5

var errTooLarge = errors.New("larger than the limit")

func readBody(body io.Reader, maxBytes int) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(body, int64(maxBytes)+1))
	if err == nil && len(b) > maxBytes {
		return nil, errTooLarge
	}
	return b, err
}

// drainBodyTime is how long the rest of an answer may take: a new connection is
// cheaper than more.
const drainBodyTime = 500 * time.Millisecond

// drainBody lets the connection be used again if little is left of the answer. A
// stream of events may go on after it: its end is not waited for.
func drainBody(resp *http.Response) {
	if !isStream(resp) {
		_, _ = io.CopyN(io.Discard, resp.Body, 4<<10) // failure: the connection is not used again
	}
	resp.Body.Close()
}

// cutProblem words a body that could not be read to its end.
func (r *remote) cutProblem(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, errTooLarge):
		return pTooLarge.with(r.maxBytes >> 20)
	case ctx.Err() != nil:
		return context.Cause(ctx)
	default:
		return pNoAnswer.with().because(err)
	}
}
