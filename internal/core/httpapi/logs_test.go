package httpapi

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// withLogs gives each server a log file in a new directory, which it returns.
func withLogs(t testing.TB) (dir string, option func(*Options)) {
	dir = t.TempDir()
	return dir, func(o *Options) {
		o.LogFile = func(server string) string { return filepath.Join(dir, server+".log") }
	}
}

// writeLog adds to a log.
func writeLog(t testing.TB, dir, server, text string) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, server+".log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

func TestLogs(t *testing.T) {
	dir, option := withLogs(t)
	s, _ := newTest(option)
	writeLog(t, dir, "linear", "one\r\ntwo\n\"\x1b[31m\xff\"\nfour")
	for query, want := range map[string]string{
		"":                      `{"server":"linear","lines":["one","two","\"\u001b[31m` + "\ufffd" + `\"","four"]}`,
		"?lines=2":              `{"server":"linear","lines":["\"\u001b[31m` + "\ufffd" + `\"","four"]}`,
		"?lines=0&follow=false": `{"server":"linear","lines":[]}`,
	} {
		res := call(t, s, "GET", "/api/v1/servers/linear/logs"+query, "")
		if got := bodyOf(t, res); res.StatusCode != 200 || strings.ReplaceAll(got, `\ufffd`, "\ufffd") != want+"\n" || res.Header.Get("ETag") != "" {
			t.Errorf("%q: %s %s, want %s", query, res.Status, got, want)
		}
	}
	if got := bodyOf(t, call(t, s, "GET", "/api/v1/servers/old/logs", "")); got != `{"server":"old","lines":[]}`+"\n" {
		t.Errorf("a server that never wrote: %s", got)
	}
	for _, query := range []string{"?lines=x", "?lines=-1", "?lines=10001", "?lines=", "?follow=1", "?follow=", "?tail=3", "?lines=1&lines=2"} {
		wantError(t, query, call(t, s, "GET", "/api/v1/servers/linear/logs"+query, ""), 400, "MPT-HTTP-QUERY")
	}
	wantError(t, "nobody", call(t, s, "GET", "/api/v1/servers/nobody/logs", ""), 404, "MPT-SERVER-UNKNOWN")
	if err := os.Mkdir(filepath.Join(dir, "new.log"), 0o700); err != nil {
		t.Fatal(err)
	}
	wantError(t, "a folder", call(t, s, "GET", "/api/v1/servers/new/logs", ""), 500, "MPT-INTERNAL")
	none, _ := newTest()
	wantError(t, "none", call(t, none, "GET", "/api/v1/servers/linear/logs", ""), 409, "MPT-UNAVAILABLE")
}

// followLog opens a stream of a log and returns its reader behind the header.
func followLog(t testing.TB, conn net.Conn, addr, target string) *bufio.Reader {
	t.Helper()
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.0\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n", target, addr, adminToken); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	res, err := http.ReadResponse(r, nil)
	if err != nil || res.StatusCode != 200 || res.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%v, %v", res, err)
	}
	if e := nextEvent(t, r); e.retry == "" {
		t.Fatalf("the stream begins with %+v", e)
	}
	return r
}

// TestLogIsFollowed: by whole lines, from a file that is not there yet, and until the
// program ends.
func TestLogIsFollowed(t *testing.T) {
	dir, option := withLogs(t)
	_, _, addr := serve(t, option)
	writeLog(t, dir, "linear", "one\ntwo\nthr")
	r := followLog(t, dial(t, addr), addr, "/api/v1/servers/linear/logs?follow=true&lines=2")
	later := followLog(t, dial(t, addr), addr, "/api/v1/servers/new/logs?follow=true")
	for _, c := range []struct {
		server, text string
		r            *bufio.Reader
		want         string
	}{
		{"linear", "", r, `{"server":"linear","lines":["two"]}`},
		{"linear", "ee\n", r, `{"server":"linear","lines":["three"]}`},
		{"new", "", later, `{"server":"new","lines":[]}`},
		{"new", "first\n", later, `{"server":"new","lines":["first"]}`},
		{"linear", strings.Repeat("x", longLine+1), r, `{"server":"linear","lines":["` + strings.Repeat("x", longLine+1) + `"]}`},
	} {
		if c.text != "" {
			writeLog(t, dir, c.server, c.text)
		}
		if e := nextEvent(t, c.r); e != (event{name: "log", data: c.want}) {
			t.Errorf("%.50s: %.80v, want %.80s", c.text, e, c.want)
		}
	}
}

// TestFollowedLogIsNotSilent: its folder is not there, as what waits for the system's
// reports does not wait in a bubble.
func TestFollowedLogIsNotSilent(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "none")
	bubble(t, func(t *testing.T, _ *Server, connect func() net.Conn) {
		conn := connect()
		defer conn.Close()
		r := followLog(t, conn, testAddr.String(), "/api/v1/servers/linear/logs?follow=true")
		if e := nextEvent(t, r); e != (event{name: "log", data: `{"server":"linear","lines":[]}`}) {
			t.Fatalf("%+v", e)
		}
		start := time.Now()
		for i := range 3 {
			if e := nextEvent(t, r); e != (event{}) || time.Since(start) != time.Duration(i+1)*heartbeat {
				t.Errorf("%+v after %v", e, time.Since(start))
			}
		}
	}, func(o *Options) { o.LogFile = func(server string) string { return filepath.Join(missing, server) } })
}
