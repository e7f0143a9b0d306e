//go:build unix

package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

const changed = `{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}`

func floodStdout(s *server, r *request, value string) bool {
	line := `{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"` + strings.Repeat("x", 100) + `"}}`
	flood(value, func() error { return r.send(line) })
	return false
}

func floodStderr(_ *server, _ *request, value string) bool {
	lines := strings.Repeat(strings.Repeat("y", 120)+"\n", 100)
	write := func() error { _, err := os.Stderr.WriteString(lines); return err }
	if write() == nil { // at once, so that a process which ends early has said something
		flood(value, write)
	}
	return false
}

// flood writes in the background until the time is over or nobody listens.
func flood(value string, write func() error) {
	until := time.Now().Add(duration(value))
	go func() {
		for time.Now().Before(until) {
			if write() != nil {
				return
			}
		}
	}()
}

func churn(s *server, _ *request, value string) bool {
	every := time.Second / time.Duration(max(1, number(value)))
	go func() {
		for range time.Tick(every) {
			s.edition.Add(1)
			_ = s.say(changed) // nobody may be listening
		}
	}()
	return false
}

// number reads a count or size such as 500, 10k or 20M; what cannot be read is 1.
func number(value string) int {
	unit := 1
	if digits, ok := strings.CutSuffix(value, "k"); ok {
		value, unit = digits, 1<<10
	} else if digits, ok := strings.CutSuffix(value, "M"); ok {
		value, unit = digits, 1<<20
	}
	n, err := strconv.Atoi(value)
	if err != nil {
		return 1
	}
	return n * unit
}

// garbages are what programs write where only messages belong.
var garbages = map[string]string{
	"banner": "Server 1.0 is starting ...\nnpm notice New minor version of npm available!\n\nlistening on stdio\n",
	"ansi":   "\x1b[2J\x1b[32m✔ ready\x1b[0m\r\n\x1b]0;title\x07",
	"binary": "\x00\x01\x02\xff\xfe\n\x7fELF\x02\x01\n\x80\x81\x82\n",
	"utf16":  "\xff\xfeh\x00e\x00l\x00l\x00o\x00\n\x00",
	"bom":    "\xef\xbb\xbf",
	"json":   "{}\n[]\nnull\n42\n\"text\"\n{\"jsonrpc\":\"2.0\"}\n{\"jsonrpc\":\"1.0\",\"id\":1,\"result\":{}}\n{\"id\":\n[[[\n",
	"lines":  strings.Repeat("no message\n", 100),
}

func garbage(_ *server, _ *request, value string) bool {
	_ = stdout.write(garbages[value]) // a client that has gone misses nothing
	return false
}

func endlessLine(_ *server, _ *request, value string) bool {
	for left := number(value); left > 0; {
		n := min(left, 1<<20)
		if stdout.write(strings.Repeat("z", n)) != nil {
			return false
		}
		left -= n
	}
	_ = stdout.write("\n")
	return false
}

func hang(*server, *request, string) bool { return true }

func slow(s *server, r *request, value string) bool {
	if r.web != nil {
		time.Sleep(duration(value))
		return false
	}
	time.AfterFunc(duration(value), func() { s.answer(r) })
	return true
}

func half(s *server, r *request, _ string) bool {
	text := s.respond(r).encode(string(r.ID))
	if r.web != nil {
		return cut(s, r, strconv.Itoa(len(text)/2))
	}
	_ = stdout.write(text[:len(text)/2])
	os.Exit(1)
	return true
}

// answer sends a result, given as text.
func (r *request) answer(result string) bool {
	_ = r.send(reply{result: result}.encode(string(r.ID)))
	return true
}

func huge(s *server, r *request, value string) bool {
	return r.answer(fmt.Sprintf(`{%s"content":[{"type":"text","text":"%s"}]}`, s.hop(), strings.Repeat("h", number(value))))
}

func deep(s *server, r *request, value string) bool {
	n := number(value)
	return r.answer(fmt.Sprintf(`{%s"content":%s%s}`, s.hop(), strings.Repeat("[", n), strings.Repeat("]", n)))
}

func fail(_ *server, r *request, _ string) bool {
	_ = r.send(reply{err: `{"code":-32000,"message":"as asked"}`}.encode(string(r.ID)))
	return true
}

func wrongID(s *server, r *request, _ string) bool {
	_ = r.send(s.respond(r).encode("987654321"))
	return true
}

func textID(s *server, r *request, _ string) bool {
	_ = r.send(s.respond(r).encode(strconv.Quote(string(r.ID))))
	return true
}

func duplicate(s *server, r *request, _ string) bool {
	s.answer(r)
	return false
}

func stray(_ *server, r *request, value string) bool {
	for i := range number(value) {
		_ = r.send(reply{result: `{"content":[]}`}.encode(strconv.Itoa(1_000_000 + i)))
	}
	return false
}

func stealID(_ *server, r *request, _ string) bool {
	_ = r.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":"roots/list"}`, r.ID))
	return false
}
