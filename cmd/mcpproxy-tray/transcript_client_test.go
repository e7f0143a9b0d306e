//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// An edge is a raw connection of a client: what it is given goes out as it is, and what
// comes in is not looked at.
type edge interface {
	send(text string)    // a message that is a request goes out beside the others
	cancel(id string)    // of a request that is under way
	in() <-chan string   // messages of the other side, in the order of each stream
	follow(t *testing.T) // opens the stream for what nobody asked for, if there is one
}

// A piped edge is a child's stdin and stdout.
type piped struct {
	w        io.Writer
	messages chan string
}

func overStdin(t *testing.T, cmd *exec.Cmd) *piped {
	t.Helper()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &piped{w: stdin, messages: make(chan string, 1000)}
	var read sync.WaitGroup
	read.Go(func() {
		for sc := bufio.NewReader(stdout); ; {
			line, err := sc.ReadString('\n')
			if err != nil {
				return
			}
			p.messages <- strings.TrimSpace(line)
		}
	})
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Process.Kill()
		read.Wait()
		_ = cmd.Wait()
	})
	return p
}

func (p *piped) send(text string)    { _, _ = io.WriteString(p.w, text+"\n") } // who does not read does not answer either
func (p *piped) in() <-chan string   { return p.messages }
func (p *piped) follow(t *testing.T) {}

func (p *piped) cancel(id string) {
	p.send(fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":%s,"reason":"odd"}}`, id))
}

// A web edge is a URL: each message is a POST.
type web struct {
	url, token, era string
	messages        chan string
	ctx             context.Context
	work            *sync.WaitGroup

	mu      sync.Mutex // guards all below
	session string
	pending map[string]context.CancelFunc // by the request's id
}

func overWeb(t *testing.T, url, token, era string) *web {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w := &web{url: url, token: token, era: era, messages: make(chan string, 1000), ctx: ctx, work: &sync.WaitGroup{}, pending: map[string]context.CancelFunc{}}
	t.Cleanup(func() {
		cancel()
		w.work.Wait()
	})
	return w
}

func (w *web) in() <-chan string { return w.messages }

// envelope is what the headers of a POST are made of.
type envelope struct {
	ID     json.RawMessage
	Method string
	Params struct{ Name, URI string }
}

func (w *web) send(text string) {
	var e envelope
	_ = json.Unmarshal([]byte(text), &e) // the test wrote it
	ctx, cancel := context.WithCancel(w.ctx)
	if e.ID != nil && e.Method != "" {
		w.mu.Lock()
		w.pending[string(e.ID)] = cancel
		w.mu.Unlock()
	}
	post := func() {
		defer cancel()
		w.post(ctx, text, e)
	}
	if e.Method == "initialize" || e.ID == nil {
		post() // the next message needs the session, or comes after it
		return
	}
	w.work.Go(post)
}

func (w *web) request(ctx context.Context, method string, body io.Reader) *http.Request {
	req, err := http.NewRequestWithContext(ctx, method, w.url, body)
	if err != nil {
		panic(err) // the URL is the program's own
	}
	req.Header.Set("Authorization", "Bearer "+w.token)
	req.Header.Set("Accept", "application/json, text/event-stream")
	if w.era >= "2025-06-18" {
		req.Header.Set("Mcp-Protocol-Version", w.era)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.session != "" {
		req.Header.Set("Mcp-Session-Id", w.session)
	}
	return req
}

func (w *web) post(ctx context.Context, text string, e envelope) {
	req := w.request(ctx, http.MethodPost, strings.NewReader(text))
	req.Header.Set("Content-Type", "application/json")
	if w.era >= modernSet {
		req.Header.Set("Mcp-Method", e.Method)
		if name := e.Params.Name + e.Params.URI; name != "" && e.Method != "resources/subscribe" {
			req.Header.Set("Mcp-Name", name)
		}
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return // it was cancelled, or the answer will be missed
	}
	defer resp.Body.Close()
	if id := resp.Header.Get("Mcp-Session-Id"); id != "" {
		w.mu.Lock()
		w.session = id
		w.mu.Unlock()
	}
	w.read(resp)
}

// read hands over the messages of an answer or a stream.
func (w *web) read(resp *http.Response) {
	if !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		if body, err := io.ReadAll(resp.Body); err == nil && len(bytes.TrimSpace(body)) > 0 {
			w.messages <- string(bytes.TrimSpace(body))
		}
		return
	}
	for r := bufio.NewReader(resp.Body); ; {
		line, err := r.ReadString('\n')
		if data, ok := strings.CutPrefix(line, "data:"); ok && strings.TrimSpace(data) != "" {
			w.messages <- strings.TrimSpace(data)
		}
		if err != nil {
			return
		}
	}
}

// cancel says so where there are sessions, and closes the stream where there are none.
func (w *web) cancel(id string) {
	if w.era < modernSet {
		w.send(fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":%s,"reason":"odd"}}`, id))
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pending[id]()
}

// follow opens the stream of a session.
func (w *web) follow(t *testing.T) {
	t.Helper()
	if w.era >= modernSet {
		return
	}
	opened := make(chan error, 1)
	w.work.Go(func() {
		resp, err := http.DefaultClient.Do(w.request(w.ctx, http.MethodGet, nil))
		opened <- err
		if err == nil {
			defer resp.Body.Close()
			w.read(resp)
		}
	})
	select {
	case err := <-opened:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Errorf("%s opens no stream", w.url)
	}
}
