package core

import (
	"io"
	"log/slog"
	"sync"

	"gopkg.in/natefinch/lumberjack.v2"

	"mcpproxy-tray/internal/core/config"
)

// Sizes of the log files: what a person may want to look back at, and no more.
const (
	appLogMegabytes    = 5
	serverLogMegabytes = 2
	logBackups         = 2
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
	open map[string]*lumberjack.Logger
}

// writer returns the log of a server; it stays open until close.
func (l *serverLogs) writer(server string) io.Writer {
	l.mu.Lock()
	defer l.mu.Unlock()
	path := l.dirs.ServerLog(server)
	f, ok := l.open[path]
	if !ok {
		f = rotated(path, serverLogMegabytes)
		if l.open == nil {
			l.open = map[string]*lumberjack.Logger{}
		}
		l.open[path] = f
	}
	return f
}

// close closes all files. A later write would open its file again.
func (l *serverLogs) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.open {
		_ = f.Close() // nothing is buffered; there is nobody to tell
	}
	clear(l.open)
}
