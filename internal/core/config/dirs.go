package config

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/adrg/xdg"
)

// homeVariable names one directory for everything: portable installs and tests.
const homeVariable = "MCPPROXY_TRAY_HOME"

// Dirs are the directories of the program. Finding them creates nothing.
type Dirs struct {
	Config string // holds config.json
	Data   string // holds the database, the tokens and the record of the running instance
	Logs   string // holds app.log and servers/
}

// FindDirs returns the directories of the platform, or, if MCPPROXY_TRAY_HOME
// is set, that one directory for everything, with logs/ in it.
func FindDirs() (Dirs, error) {
	if home := os.Getenv(homeVariable); home != "" {
		abs, err := filepath.Abs(home)
		if err != nil {
			return Dirs{}, &Error{Path: home, Text: "The folder named by " + homeVariable + " cannot be found.",
				Hint: "Set it to a full path.", cause: err}
		}
		return Dirs{Config: abs, Data: abs, Logs: filepath.Join(abs, "logs")}, nil
	}
	const name = "mcpproxy-tray"
	d := Dirs{
		Config: filepath.Join(xdg.ConfigHome, name),
		Data:   filepath.Join(xdg.DataHome, name),
		Logs:   filepath.Join(xdg.StateHome, name, "logs"),
	}
	if !filepath.IsAbs(d.Config) || !filepath.IsAbs(d.Data) || !filepath.IsAbs(d.Logs) {
		return Dirs{}, &Error{Text: "The home folder is not known.", Hint: "Set HOME or " + homeVariable + " to a full path."}
	}
	return d, nil
}

// Make creates what is missing, for this user only (0700). Existing
// directories are left as they are.
func (d Dirs) Make() error {
	for _, dir := range []string{d.Config, d.Data, d.Logs, filepath.Join(d.Logs, "servers")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			path := dir
			if pe, ok := errors.AsType[*os.PathError](err); ok {
				path = pe.Path
			}
			return writeError(path, "The folder "+quoted(path)+" cannot be created", err)
		}
	}
	return nil
}

// ConfigFile is the configuration.
func (d Dirs) ConfigFile() string { return filepath.Join(d.Config, "config.json") }

// Database is the store of approvals.
func (d Dirs) Database() string { return filepath.Join(d.Data, "mcpproxy-tray.db") }

// History is the file of calls and changes of state.
func (d Dirs) History() string { return filepath.Join(d.Data, "history.db") }

// ApprovalsLog is the second copy of the approvals.
func (d Dirs) ApprovalsLog() string { return filepath.Join(d.Data, "approvals.log") }

// Token is the secret of AI clients.
func (d Dirs) Token() string { return filepath.Join(d.Data, "token") }

// AdminToken is the secret of our own commands.
func (d Dirs) AdminToken() string { return filepath.Join(d.Data, "admin.token") }

// Clients is the folder for copies of AI clients' files, and for what was changed in them.
func (d Dirs) Clients() string { return filepath.Join(d.Data, "clients") }

// Instance is the record of the running instance.
func (d Dirs) Instance() string { return filepath.Join(d.Data, "instance.json") }

// AppLog is the log of the program.
func (d Dirs) AppLog() string { return filepath.Join(d.Logs, "app.log") }

// ServerLog is the log of one server. The file name is derived from any name,
// however hostile: it stays in the directory, and no two names share a file.
func (d Dirs) ServerLog(server string) string {
	return filepath.Join(d.Logs, "servers", logName(server))
}
