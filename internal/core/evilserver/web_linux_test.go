package main

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
)

// post sends one message as a client without a library would.
func post(t *testing.T, url, session, body string) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Mcp-Session-Id", session)
	req.Header.Set("Accept-Encoding", "gzip") // and nothing is unpacked
	resp, err := http.DefaultClient.Do(req)
	if err == nil {
		t.Cleanup(func() { resp.Body.Close() })
	}
	return resp, err
}

// onHTTP are the misdeeds of a call, each on a path of its own.
var onHTTP = []struct {
	script string
	check  func(resp *http.Response, err error) error
}{
	{"", func(resp *http.Response, err error) error { return has(resp, err, 200, "hello", nil) }},
	{"status=429,Retry-After: 7@call", func(resp *http.Response, err error) error {
		if err == nil && resp.Header.Get("Retry-After") != "7" {
			return fmt.Errorf("headers %v", resp.Header)
		}
		return has(resp, err, 429, "", nil)
	}},
	{"page@call", func(resp *http.Response, err error) error { return has(resp, err, 200, "<!doctype", nil) }},
	{"redirect=/other@call", func(resp *http.Response, err error) error { return has(resp, err, 404, "", nil) }},
	{"cut=5", func(resp *http.Response, err error) error {
		return has(resp, err, 200, `{"jso`, io.ErrUnexpectedEOF)
	}},
	{"half", func(resp *http.Response, err error) error { return has(resp, err, 200, "", io.ErrUnexpectedEOF) }},
	{"reset", func(_ *http.Response, err error) error {
		if !errors.Is(err, syscall.ECONNRESET) {
			return fmt.Errorf("%v, want a reset", err)
		}
		return nil
	}},
	{"drip=1us", func(resp *http.Response, err error) error { return has(resp, err, 200, "hello", nil) }},
	{"big-headers=100k", func(resp *http.Response, err error) error {
		if err == nil && len(resp.Header.Get("X-Big")) != 100<<10 {
			return errors.New("the headers are small")
		}
		return has(resp, err, 200, "hello", nil)
	}},
	{"endless", func(resp *http.Response, err error) error {
		if err == nil {
			_, err = io.CopyN(io.Discard, resp.Body, 10<<20)
		}
		return err
	}},
	{"bomb=5M", func(resp *http.Response, err error) error {
		if err != nil {
			return err
		}
		z, err := gzip.NewReader(resp.Body)
		if err != nil {
			return err
		}
		if n, err := io.Copy(io.Discard, z); err != nil || n < 5<<20 || resp.ContentLength > 100<<10 {
			return fmt.Errorf("%d bytes in %d, %v", n, resp.ContentLength, err)
		}
		return nil
	}},
	{"as-events;steal-id", func(resp *http.Response, err error) error {
		return has(resp, err, 200, "data: {", nil)
	}},
	{"forget", func(resp *http.Response, err error) error { return has(resp, err, 404, "", nil) }},
	{"slow=1ms", func(resp *http.Response, err error) error { return has(resp, err, 200, "hello", nil) }},
}

func has(resp *http.Response, err error, status int, text string, cut error) error {
	if err != nil {
		return err
	}
	body, err := io.ReadAll(resp.Body)
	if resp.StatusCode != status || !strings.Contains(string(body), text) || !errors.Is(err, cut) {
		return fmt.Errorf("status %d, body %.200q, %v", resp.StatusCode, body, err)
	}
	return nil
}

func TestHTTP(t *testing.T) {
	base := address(t)
	for i, tt := range onHTTP {
		t.Run(tt.script, func(t *testing.T) {
			at := fmt.Sprintf("%s/%d?script=%s", base, i, url.QueryEscape(tt.script))
			resp, err := post(t, at, "", greeting)
			if err != nil {
				t.Fatal(err)
			}
			session := resp.Header.Get("Mcp-Session-Id")
			if session == "" {
				t.Fatalf("no session: %v", resp.Status)
			}
			if err := tt.check(post(t, at, session, echoCall)); err != nil {
				t.Error(err)
			}
		})
	}
	if resp, err := post(t, base+"/unknown", "nobody", echoCall); err != nil || resp.StatusCode != http.StatusNotFound {
		t.Errorf("unknown session: %v, %v", resp, err)
	}
}

// TestStreamIsCut follows a stream of changes until the server forgets the session.
func TestStreamIsCut(t *testing.T) {
	at := address(t, "-script", "churn=200;forget@call")
	resp, err := post(t, at, "", greeting)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at, nil)
	if err != nil {
		t.Fatal(err)
	}
	session := resp.Header.Get("Mcp-Session-Id")
	req.Header.Set("Mcp-Session-Id", session)
	stream, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	buf := make([]byte, 1000)
	if n, err := io.ReadAtLeast(stream.Body, buf, len(changed)); err != nil || !strings.Contains(string(buf[:n]), "list_changed") {
		t.Fatalf("%q, %v", buf[:n], err)
	}
	if _, err := post(t, at, session, echoCall); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, stream.Body); err != nil {
		t.Errorf("the stream's end: %v", err)
	}
}

func TestFlapGoesDownAndUp(t *testing.T) {
	at := address(t, "-script", "flap=20ms")
	for _, want := range []int{503, 200, 503} {
		waitFor(t, fmt.Sprint("status ", want), func() bool {
			resp, err := post(t, at, "", greeting)
			return err == nil && resp.StatusCode == want
		})
	}
}
