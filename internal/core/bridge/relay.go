package bridge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"mcpproxy-tray/internal/core/mcpheader"
	"mcpproxy-tray/internal/core/rawjson"
)

// maxTries bounds how often one message is sent: an instance that ends again and
// again must not get it for ever.
const maxTries = 5

// maxAnswer is the largest answer that is not a stream: the endpoint's own limit and more.
const maxAnswer = 64 << 20

// errLost is an answer that did not come to its end.
var errLost = errors.New("the connection was lost")

// relay sends a message and passes on its answer, or says why there is none.
func (b *bridge) relay(ctx context.Context, m message) {
	for try := 1; ; try++ {
		at := b.link.now()
		again, err := b.attempt(ctx, at, m)
		switch {
		case err == nil, ctx.Err() != nil:
			return
		case !again || try == maxTries:
			b.fail(m, err)
			return
		}
		if err := b.reconnect(ctx, at.age); err != nil {
			if ctx.Err() == nil {
				b.fail(m, err)
			}
			return
		}
	}
}

func (b *bridge) fail(m message, err error) {
	b.log.Warn("message not relayed", "method", m.method, "err", err)
	if m.id == nil && m.ids == nil {
		return
	}
	words := "The connection to mcpproxy-tray was lost; the request may or may not have been carried out."
	if errors.Is(err, ErrNoInstance) {
		words = "mcpproxy-tray is not running. Start it, then try again."
	} else if r, ok := errors.AsType[*refusal](err); ok {
		words = r.Error()
	}
	if m.ids != nil {
		b.say(failedAll(m.ids, failure(-32603, words)))
		return
	}
	b.say(failed(m.id, -32603, words))
}

// attempt sends a message once. It reports whether it may be sent again, beside the
// error.
func (b *bridge) attempt(ctx context.Context, at place, m message) (again bool, err error) {
	resp, err := b.post(ctx, at, m)
	if err != nil {
		return m.repeatable() || m.id == nil && m.ids == nil || unsent(err), err
	}
	defer resp.Body.Close()
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch {
	case resp.StatusCode == http.StatusNotFound && at.session != "" && m.method != "initialize", resp.StatusCode == http.StatusUnauthorized:
		return true, &refusal{resp.StatusCode} // of another instance; this one has not looked at it
	case resp.StatusCode/100 == 2 && kind == "text/event-stream":
		b.link.note(at, m, resp)
		return m.repeatable(), b.stream(resp.Body, m)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return m.repeatable(), fmt.Errorf("%w: %w", errLost, err)
	}
	answer, err := parseAnswer(body, m.id)
	switch {
	case resp.StatusCode/100 == 2 && m.id == nil && len(body) == 0:
		return false, nil
	case err != nil || len(answer) == 0:
		return false, &refusal{resp.StatusCode}
	}
	if m.ids != nil && resp.StatusCode/100 != 2 {
		b.say(failedAll(m.ids, errorIn(answer)))
		return false, nil
	}
	b.link.note(at, m, resp)
	b.learn(m, answer)
	b.link.wish(m)
	if m.id != nil || resp.StatusCode/100 == 2 {
		b.say(answer)
	}
	return false, nil
}

// stream passes on what comes on an answer's stream, to the answer itself.
func (b *bridge) stream(body io.Reader, m message) error {
	answered := false
	err := eachEvent(body, func(data []byte) bool {
		e, err := parse(data)
		if err != nil {
			return true
		}
		if e.method == "" && m.id != nil {
			answered = true
			e.body = withID(e.body, m.id)
			b.learn(m, e.body)
		}
		b.say(e.body)
		return true
	})
	if answered || m.id == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", errLost, err)
}

// post sends a message to where the instance is.
func (b *bridge) post(ctx context.Context, at place, m message) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at.url, bytes.NewReader(m.body))
	if err != nil {
		return nil, err
	}
	at.setHeaders(req, m.method == "initialize")
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	if m.modern() {
		req.Header.Set("Mcp-Protocol-Version", m.protocol)
		req.Header.Set("Mcp-Method", m.method)
		if m.name != "" {
			req.Header.Set("Mcp-Name", mcpheader.Encode(m.name))
		}
		if m.method == "tools/call" {
			b.repeated.Set(req.Header, m.params)
		}
	}
	return b.client.Do(req)
}

// follow keeps the stream open on which the instance speaks by itself, for as long as
// the client keeps its session.
func (b *bridge) follow(ctx context.Context) {
	if !b.link.listen() {
		return
	}
	b.work.Go(func() {
		for wait := minPause; ; wait = min(2*wait, maxPause) {
			at, began := b.link.now(), time.Now()
			status, err := b.hear(ctx, at)
			switch {
			case ctx.Err() != nil, status == http.StatusMethodNotAllowed:
				return
			case status == http.StatusOK && time.Since(began) > maxPause:
				wait = minPause
			}
			if err != nil || status != http.StatusOK {
				err = b.reconnect(ctx, at.age)
			}
			if err != nil {
				b.log.Debug("no stream", "status", status, "err", err)
			}
			if !sleep(ctx, wait) {
				return
			}
		}
	})
}

// Bounds of the pause before the stream is opened again.
const (
	minPause = 100 * time.Millisecond
	maxPause = 5 * time.Second
)

// hear passes on what the stream says until it ends. The error is of a stream that
// could not be opened.
func (b *bridge) hear(ctx context.Context, at place) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.url, nil)
	if err != nil {
		return 0, err
	}
	at.setHeaders(req, false)
	req.Header.Set("Accept", "text/event-stream")
	resp, err := b.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusOK {
		_ = eachEvent(resp.Body, func(data []byte) bool { // it ends: it is opened again
			if m, err := parse(data); err == nil {
				b.say(m.body)
			}
			return true
		})
	}
	return resp.StatusCode, nil
}

// sleep reports whether the time has passed, and false if ctx is done.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// parseAnswer returns a body that is JSON on one line, with the id of the request if
// it has none of its own.
func parseAnswer(body, id []byte) ([]byte, error) {
	body = bytes.TrimSpace(body)
	if len(body) == 0 {
		return nil, nil
	}
	if body[0] == '[' {
		m, err := parse(body)
		return m.body, err
	}
	var own, version []byte
	err := rawjson.EachMember(body, func(m rawjson.Member) {
		switch string(m.Key) {
		case "id":
			own = m.Value
		case "jsonrpc":
			version = m.Value
		}
	})
	if err == nil && (version == nil || own == nil) {
		err = rawjson.ErrNotJSON // no answer
	}
	if err != nil {
		return nil, err
	}
	return withID(rawjson.OneLine(body), id), nil
}

// withID returns an answer with the id of the request as its client wrote it: a number
// may have been rounded on the way, and a string be spelled otherwise.
func withID(answer, id []byte) []byte {
	for m := range rawjson.Members(answer) {
		if string(m.Key) == "id" && id != nil && !bytes.Equal(m.Value, id) {
			return bytes.Join([][]byte{answer[:m.ValueStart], id, answer[m.End:]}, nil)
		}
	}
	return answer
}
