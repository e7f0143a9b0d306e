package core

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mcpproxy-tray/internal/core/config"
)

// memory is a log file in memory; gate, if not nil, holds each write.
type memory struct {
	gate chan struct{}

	mu     sync.Mutex // guards the fields below
	text   bytes.Buffer
	closed int
}

func (m *memory) Write(p []byte) (int, error) {
	if m.gate != nil {
		<-m.gate
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.text.Write(p)
}

func (m *memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed++
	return nil
}

var note = regexp.MustCompile(`(?m)^\[(\d+) lines dropped: .*\]\n`)

// tally returns how many lines of a log are whole, and how many its notes say are missing.
func tally(t *testing.T, log, line string) (whole, missing int) {
	t.Helper()
	for _, m := range note.FindAllStringSubmatch(log, -1) {
		n, _ := strconv.Atoi(m[1]) // digits, by the pattern
		missing += n
	}
	rest := note.ReplaceAllString(log, "")
	whole = strings.Count(rest, line)
	if left := strings.ReplaceAll(rest, line, ""); left != "" {
		t.Errorf("the log has %d bytes that are no whole line: %.100q", len(left), left)
	}
	return whole, missing
}

func TestServerLogOfAFloodIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := &memory{}
		l := newServerLog(file)
		line := strings.Repeat("x", 99) + "\n"
		chunk := []byte(strings.Repeat(line, 400))[:32<<10] // cut within a line, as a pipe does
		said := 0
		for range 60 { // a minute of 5 MB/s, then quiet, then more
			for range 160 {
				_, _ = l.Write(chunk) // never fails
				said += len(chunk)
				synctest.Wait()
			}
			time.Sleep(time.Second)
		}
		flood := file.text.Len()
		if flood < logBurstBytes || flood > logBurstBytes+logBytesPerMinute+64<<10 {
			t.Errorf("a minute of flood wrote %d bytes", flood)
		}
		if n := len(note.FindAllString(file.text.String(), -1)); n > 70 {
			t.Errorf("%d notes in a minute", n)
		}
		time.Sleep(time.Hour)
		fmt.Fprint(l, "\n"+line) // the line that was cut ends here
		l.Close()
		// Cutting chunks within lines made lines of another length, so bytes are not compared by line.
		if text := file.text.String(); !strings.HasSuffix(text, line) || !strings.Contains(text, "lines dropped") {
			t.Errorf("the log ends with %.200q", text[max(0, len(text)-200):])
		}
	})
}

func TestServerLogCountsWhatItDrops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := &memory{}
		l := newServerLog(file)
		line := "a line of a server that says too much\n"
		text := strings.Repeat(line, 3*logBurstBytes/len(line))
		for p := text; p != ""; { // in pieces of every length
			n := min(len(p), 1+len(p)%30_011)
			fmt.Fprint(l, p[:n])
			p = p[n:]
			synctest.Wait()
		}
		time.Sleep(time.Minute)
		fmt.Fprint(l, strings.Repeat(line, 3))
		l.Close()
		whole, missing := tally(t, file.text.String(), line)
		if total := strings.Count(text, "\n") + 3; whole+missing != total || missing == 0 {
			t.Errorf("%d lines in the log and %d dropped of %d", whole, missing, total)
		}
	})
}

func TestServerLogDoesNotWaitForTheDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := &memory{gate: make(chan struct{})}
		l := newServerLog(file)
		line := "disk is slow\n"
		for range 100_000 {
			fmt.Fprint(l, line) // would be a deadlock if it waited
		}
		if cap(l.queue) > 2*logQueueBytes {
			t.Errorf("%d bytes wait", cap(l.queue))
		}
		if err := l.Close(); err == nil { // after its time
			t.Error("a log that could not be written was closed")
		}
		close(file.gate)
		synctest.Wait()
		if err := l.Close(); err != nil || file.closed != 1 {
			t.Errorf("Close: %v, closed %d times", err, file.closed)
		}
		if whole, missing := tally(t, file.text.String(), line); whole+missing != 100_000 || missing == 0 {
			t.Errorf("%d lines in the log and %d dropped of 100,000", whole, missing)
		}
	})
}

func TestServerLogStartsNothingWhileQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newServerLog(&memory{})
		fmt.Fprintln(l, "hello")
		synctest.Wait()
		if l.writing != nil || l.queue != nil {
			t.Error("something is left of a log that is written")
		}
	}) // the bubble fails if a goroutine or timer is left
}

func TestServerLogsAreFilesThatOpenAgain(t *testing.T) {
	dir := t.TempDir()
	l := &serverLogs{dirs: config.Dirs{Data: dir, Config: dir, Logs: filepath.Join(dir, "logs")}}
	for range 2 {
		w := l.writer("a")
		fmt.Fprintln(w, "hello")
		if err := w.(io.Closer).Close(); err != nil {
			t.Fatal(err)
		}
	}
	l.close()
	b, err := os.ReadFile(l.dirs.ServerLog("a"))
	if err != nil || string(b) != "hello\nhello\n" {
		t.Errorf("%q, %v", b, err)
	}
}

func BenchmarkServerLogFlood(b *testing.B) {
	l := newServerLog(&memory{})
	chunk := []byte(strings.Repeat(strings.Repeat("x", 99)+"\n", 327))
	b.SetBytes(int64(len(chunk)))
	b.ReportAllocs()
	for b.Loop() {
		_, _ = l.Write(chunk) // never fails
	}
	l.Close()
}

// TestServerLogsForgetWhoIsGone renames servers for years.
func TestServerLogsForgetWhoIsGone(t *testing.T) {
	logs := &serverLogs{dirs: config.Dirs{Logs: t.TempDir()}}
	defer logs.close()
	for i := range 100 {
		name := fmt.Sprint("server", i)
		w := logs.writer(name)
		fmt.Fprintln(w, "hello")
		if err := w.(io.Closer).Close(); err != nil {
			t.Fatal(err)
		}
		logs.keep([]config.Server{{Name: name}})
	}
	if n := len(logs.open); n != 1 {
		t.Errorf("%d logs are kept, want that of the one server", n)
	}
}
