package notify

import (
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"os"

	"mcpproxy-tray/internal/keep"
)

// maxTold is the largest file that is looked at, in bytes.
const maxTold = 1 << 20

// Told is which needs of servers the user was told of. It is remembered over
// restarts, so that none is told twice. One goroutine may use it at a time.
type Told struct {
	kept *keep.Value[toldFile]
}

// A toldFile is the file.
type toldFile struct {
	Servers map[string]toldServer `json:"servers,omitempty"`
}

type toldServer struct {
	Need  string `json:"need,omitempty"`
	Tools int    `json:"tools,omitempty"` // held for review
}

// OpenTold returns what is remembered in the file at path, which need not exist.
// If it cannot be understood, log says so, and nothing is remembered.
func OpenTold(path string, log *slog.Logger) *Told {
	if !understood(path) {
		log.Warn("what was notified of is forgotten, so some of it may be notified of again: the file cannot be understood", "path", path)
	}
	return &Told{keep.Open[toldFile](path)}
}

func understood(path string) bool {
	info, err := os.Stat(path)
	if err != nil {
		return os.IsNotExist(err)
	}
	if !info.Mode().IsRegular() { // opening a pipe would wait
		return false
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxTold))
	return err == nil && json.Unmarshal(content, &toldFile{}) == nil
}

// remind tells d what the user was told before a restart.
func (t *Told) remind(d *Decider) {
	for name, s := range t.kept.Load().Servers {
		d.servers[name] = &track{told: s.Need, held: s.Tools}
	}
}

// learn remembers what the user was told by d.
func (t *Told) learn(d *Decider) error {
	servers := map[string]toldServer{}
	for name, tr := range d.servers {
		if tr.told != "" || tr.held > 0 {
			servers[name] = toldServer{tr.told, tr.held}
		}
	}
	return t.kept.Change(func(k toldFile) (toldFile, bool) {
		return toldFile{servers}, !maps.Equal(k.Servers, servers)
	})
}
