package tail

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	maxBytes = 1 << 20                // of a log's end that are looked at, and that are returned at once
	pace     = 250 * time.Millisecond // between looks where the system reports no changes
)

// holds says whether a file stays open between two reads: then what was written to
// it before a new one took its place is not lost. On Windows an open file cannot be
// moved away.
const holds = runtime.GOOS != "windows"

// A Log is a file that another program adds to. Use Open to make one.
type Log struct {
	path string
	at   int64       // what was returned of the file
	info os.FileInfo // of the file that was read; nil: none yet
	file *os.File    // nil: to be opened

	open  func() (*fsnotify.Watcher, error)
	watch *fsnotify.Watcher // of its folder; nil if there is none to be had
}

// Open returns a log from its last lines on. The file need not be there yet.
func Open(path string, lines int) *Log {
	l := &Log{path: path, open: fsnotify.NewWatcher}
	if l.use() == nil {
		l.at = lastLines(l.file, l.info.Size(), lines)
		l.release()
	}
	return l
}

// Close releases what the log holds. It may be called more than once.
func (l *Log) Close() {
	l.unsubscribe()
	l.drop()
}

// Rest returns what the log has beyond what was returned before, up to 1 MB, and
// nothing at its end. Its error wraps fs.ErrNotExist if the file is not there yet.
func (l *Log) Rest() ([]byte, error) {
	defer l.release()
	for {
		if err := l.use(); err != nil {
			return nil, err
		}
		text, err := io.ReadAll(io.NewSectionReader(l.file, l.at, maxBytes))
		l.at += int64(len(text))
		if err != nil || len(text) > 0 || !l.replaced() {
			return text, err
		}
	}
}

// Next is Rest, but waits until there is something. Its error is that of ctx when
// that is done.
func (l *Log) Next(ctx context.Context) ([]byte, error) {
	for {
		text, err := l.Rest()
		if len(text) > 0 || err != nil && !os.IsNotExist(err) {
			return text, err
		}
		if err := l.wait(ctx); err != nil {
			return nil, err
		}
	}
}

// use opens the file unless it is open. Another one than before is read from its start,
// as is one that was cut.
func (l *Log) use() error {
	if l.file != nil {
		return nil
	}
	f, err := os.Open(l.path)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		_ = f.Close() // it was only read
		return err
	}
	if l.info != nil && (!os.SameFile(l.info, info) || info.Size() < l.at) {
		l.at = 0
	}
	l.file, l.info = f, info
	return nil
}

// replaced reports, at the end of the file, whether there is another one to read.
func (l *Log) replaced() bool {
	now, err := os.Stat(l.path)
	if err != nil || os.SameFile(l.info, now) && now.Size() >= l.at {
		return false // also when it was moved away: the next one is on its way
	}
	l.drop()
	return true
}

// release lets the file go between two reads where it cannot be held.
func (l *Log) release() {
	if !holds {
		l.drop()
	}
}

func (l *Log) drop() {
	if l.file != nil {
		_ = l.file.Close() // it was only read
		l.file = nil
	}
}

// wait returns when the file may have changed, or ctx's error.
func (l *Log) wait(ctx context.Context) error {
	if l.gone() {
		l.unsubscribe() // its folder may have gone with it, which is not reported while the file is open
	} else if l.watch == nil && l.subscribe() {
		return ctx.Err() // what changed until now was not reported
	}
	var look <-chan time.Time
	var events <-chan fsnotify.Event
	var failures <-chan error
	if l.watch != nil {
		events, failures = l.watch.Events, l.watch.Errors
	} else {
		look = time.After(pace)
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-look:
			return nil
		case <-failures: // an overflow: anything may have happened
			return nil
		case e := <-events:
			if e.Name == filepath.Dir(l.path) && (e.Has(fsnotify.Remove) || e.Has(fsnotify.Rename)) {
				l.unsubscribe() // the next folder of that name is another one
				return nil
			}
			if filepath.Base(e.Name) == filepath.Base(l.path) {
				return nil
			}
		}
	}
}

// gone reports whether the file that was read is not there any more.
func (l *Log) gone() bool {
	if l.info == nil {
		return false
	}
	_, err := os.Stat(l.path)
	return err != nil
}

// subscribe has the system report changes in the file's folder, and reports whether it does.
func (l *Log) subscribe() bool {
	w, err := l.open()
	if err != nil {
		return false // the limit of watches is reached
	}
	if err := w.Add(filepath.Dir(l.path)); err != nil {
		_ = w.Close() // there is no folder yet
		return false
	}
	l.watch = w
	return true
}

// unsubscribe ends what subscribe began.
func (l *Log) unsubscribe() {
	if l.watch != nil {
		_ = l.watch.Close() // it only reads
		l.watch = nil
	}
}

// lastLines returns where the last lines of a file of that size begin. The last one
// may have no end yet.
func lastLines(f *os.File, size int64, lines int) int64 {
	if lines <= 0 {
		return size
	}
	from := max(0, size-maxBytes)
	end := make([]byte, size-from)
	n, err := f.ReadAt(end, from)
	if err != nil && err != io.EOF {
		return size
	}
	end = end[:n]
	i := len(bytes.TrimSuffix(end, []byte("\n")))
	for ; lines > 0; lines-- {
		i = bytes.LastIndexByte(end[:max(i, 0)], '\n')
		if i < 0 {
			break
		}
	}
	if i < 0 && from > 0 { // the first one is cut
		i = bytes.IndexByte(end, '\n')
	}
	return from + int64(i) + 1
}
