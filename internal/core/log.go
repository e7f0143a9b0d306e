package core

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"sync"
	"time"

	"gopkg.in/natefinch/lumberjack.v2"

	"mcpproxy-tray/internal/core/config"
)

// Sizes of the log files: what a person may want to look back at, and no more.
const (
	appLogMegabytes    = 5
	serverLogMegabytes = 2
	logBackups         = 2
)

// What a server may say in its log: a burst, and then so much as fills the files
// in some minutes. More is left out, and how much is said.
const (
	logBurstBytes     = 1 << 20
	logBytesPerMinute = 1 << 20
	logQueueBytes     = 256 << 10 // that wait for a disk that is slow
	logResumeBytes    = 16 << 10  // that must be free after a flood, or there would be a note on each line
	logCloseTime      = time.Second
)

// NewLogger returns a logger that writes lines for people to w and JSON to the
// program's log file, and a function that closes the file.
func NewLogger(dirs config.Dirs, w io.Writer, level slog.Leveler) (*slog.Logger, func() error) {
	file := rotated(dirs.AppLog(), appLogMegabytes)
	o := &slog.HandlerOptions{Level: level}
	return slog.New(slog.NewMultiHandler(slog.NewTextHandler(w, o), slog.NewJSONHandler(file, o))), file.Close
}

func rotated(path string, megabytes int) *lumberjack.Logger {
	return &lumberjack.Logger{Filename: path, MaxSize: megabytes, MaxBackups: logBackups}
}

// serverLogs keeps one rotated file per server, for what it writes to stderr and
// what it wrongly writes to stdout. All methods may be called concurrently.
type serverLogs struct {
	dirs config.Dirs

	mu   sync.Mutex // guards open
	open map[string]*serverLog
}

// writer returns the log of a server, which may be closed and written to again.
func (l *serverLogs) writer(server string) io.Writer {
	l.mu.Lock()
	defer l.mu.Unlock()
	path := l.dirs.ServerLog(server)
	log, ok := l.open[path]
	if !ok {
		log = newServerLog(rotated(path, serverLogMegabytes))
		if l.open == nil {
			l.open = map[string]*serverLog{}
		}
		l.open[path] = log
	}
	return log
}

// keep forgets the logs of all servers but these. Who still writes to one closes it.
func (l *serverLogs) keep(servers []config.Server) {
	known := make(map[string]bool, len(servers))
	for _, s := range servers {
		known[l.dirs.ServerLog(s.Name)] = true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	maps.DeleteFunc(l.open, func(path string, _ *serverLog) bool { return !known[path] })
}

// close closes all files. A later write would open its file again.
func (l *serverLogs) close() {
	l.mu.Lock()
	open := l.open
	l.open = nil
	l.mu.Unlock()
	for _, log := range open {
		_ = log.Close() // there is nobody to tell
	}
}

// A serverLog takes whatever a server says without ever making it wait: neither
// a flood nor a disk that hangs stops the server. What is too much is left out by
// whole lines. While the server is quiet there is no timer and no goroutine. All
// methods may be called concurrently.
type serverLog struct {
	file io.WriteCloser

	mu      sync.Mutex    // guards the fields below
	budget  int           // bytes that may be said
	since   time.Time     // when the budget was that
	queue   []byte        // what the file has not got yet
	last    byte          // of what was taken
	dropped int           // lines left out since
	cut     bool          // the line that goes on was left out
	writing chan struct{} // closed once the queue is empty; nil: it is
}

func newServerLog(file io.WriteCloser) *serverLog {
	return &serverLog{file: file, budget: logBurstBytes, last: '\n'}
}

// Write implements io.Writer; it neither fails nor waits.
func (l *serverLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(p)
	l.refill()
	room := min(l.budget, logQueueBytes-len(l.queue))
	if l.dropping() && room < logResumeBytes {
		l.drop(p)
		return n, nil
	}
	if l.cut {
		end := bytes.IndexByte(p, '\n')
		if end < 0 {
			return n, nil
		}
		p, l.cut = p[end+1:], false
		l.dropped++
	}
	taken := p
	if len(p) > room {
		taken = p[:bytes.LastIndexByte(p[:max(0, room)], '\n')+1]
	}
	if len(taken) > 0 {
		l.note()
		l.budget -= len(taken)
		l.put(taken)
	}
	l.drop(p[len(taken):])
	return n, nil
}

// refill adds what may be said since the last time.
func (l *serverLog) refill() {
	now := time.Now()
	more := now.Sub(l.since).Minutes() * logBytesPerMinute
	if l.since.IsZero() || more >= logBurstBytes {
		more = logBurstBytes
	}
	if more < 1 {
		return // time below a byte must not be lost
	}
	l.budget, l.since = min(l.budget+int(more), logBurstBytes), now
}

func (l *serverLog) dropping() bool { return l.dropped > 0 || l.cut }

func (l *serverLog) drop(p []byte) {
	if len(p) > 0 {
		l.dropped += bytes.Count(p, []byte{'\n'})
		l.cut = p[len(p)-1] != '\n'
	}
}

// note says how much was left out, if anything was.
func (l *serverLog) note() {
	if l.dropped == 0 {
		return
	}
	if l.last != '\n' {
		l.put([]byte{'\n'})
	}
	l.put(fmt.Appendf(nil, "[%d lines dropped: too much in too short a time]\n", l.dropped))
	l.dropped = 0
}

// put queues p for the file.
func (l *serverLog) put(p []byte) {
	l.queue, l.last = append(l.queue, p...), p[len(p)-1]
	if l.writing == nil {
		l.writing = make(chan struct{})
		go l.empty(l.writing) // Close waits for it
	}
}

// empty writes the queue to the file until nothing is left of it.
func (l *serverLog) empty(done chan struct{}) {
	defer close(done)
	for {
		l.mu.Lock()
		p := l.queue
		l.queue = nil
		if len(p) == 0 {
			l.writing = nil
			l.mu.Unlock()
			return
		}
		l.mu.Unlock()
		_, _ = l.file.Write(p) // a disk that is full must not disturb the server
	}
}

// Close lets the file go, once all is in it or after logCloseTime: a disk that hangs
// does not stop the program from ending. A later write opens the file again.
func (l *serverLog) Close() error {
	l.mu.Lock()
	if l.cut {
		l.dropped, l.cut = l.dropped+1, false
	}
	l.note()
	writing := l.writing
	l.mu.Unlock()
	if writing != nil {
		t := time.NewTimer(logCloseTime)
		defer t.Stop()
		select {
		case <-writing:
		case <-t.C:
			return errors.New("close log: the disk does not answer")
		}
	}
	return l.file.Close()
}
