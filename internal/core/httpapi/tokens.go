package httpapi

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"mcpproxy-tray/internal/stateview"
)

const (
	minToken  = 32      // characters; what is shorter was not made by us and can be guessed
	maxToken  = 4 << 10 // bytes of a token's file
	tokenFile = "token"
	adminFile = "admin.token"
)

// Tokens are the secrets that open the server. They are never logged.
type Tokens struct {
	Client string // for AI clients: opens /mcp and what is below it
	Admin  string // opens everything
}

// LogValue hides both tokens.
func (Tokens) LogValue() slog.Value { return slog.StringValue("[hidden]") }

// String hides both tokens.
func (Tokens) String() string { return "[hidden]" }

// LoadTokens reads the files token and admin.token in dir and makes those that
// are missing, for their owner alone. It always returns two tokens: one that
// cannot be read or kept is made for this run only, and a problem says so. A
// file that others may read is closed to them, with a problem too. Only the one
// running instance calls it.
func LoadTokens(dir string) (Tokens, []stateview.Problem) {
	var problems []stateview.Problem
	load := func(name string) string {
		token, p := loadToken(filepath.Join(dir, name))
		if !p.IsZero() {
			problems = append(problems, p)
		}
		return token
	}
	return Tokens{Client: load(tokenFile), Admin: load(adminFile)}, problems
}

func loadToken(path string) (string, stateview.Problem) {
	token, err := readToken(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		token = newToken()
		if err := writeToken(path, token); err != nil {
			return token, stateview.Problem{
				Code: "MPT-TOKEN-UNSAVED",
				Text: fmt.Sprintf("The token file %s cannot be written, so its token lasts only until the program ends.", path),
				Hint: "Make its directory writable, then start the program again.",
			}
		}
		return token, stateview.Problem{}
	case err != nil:
		return newToken(), stateview.Problem{
			Code: "MPT-TOKEN-UNUSABLE",
			Text: fmt.Sprintf("The token file %s cannot be used, so nobody knows the token of this run.", path),
			Hint: "Remove the file, then start the program again: it makes a new one.",
		}
	}
	return token, closeToken(path)
}

// readToken reads a token; fs.ErrNotExist also stands for an empty file, which
// an interrupted write by somebody else may have left.
func readToken(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() { // a pipe would make us wait
		return "", errors.New("not a file")
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxToken))
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(string(b))
	odd := strings.IndexFunc(token, func(r rune) bool { return r <= ' ' || r > '~' })
	switch {
	case token == "":
		return "", fs.ErrNotExist
	case len(token) < minToken || odd >= 0:
		return "", errors.New("not a token")
	}
	return token, nil
}

// closeToken takes away what others may do with a token's file. Windows has no
// such modes; there the directory in the user's profile is what protects it.
func closeToken(path string) stateview.Problem {
	info, err := os.Stat(path)
	if runtime.GOOS == "windows" || err == nil && info.Mode().Perm()&0o077 == 0 {
		return stateview.Problem{}
	}
	p := stateview.Problem{
		Code: "MPT-TOKEN-OPEN",
		Text: fmt.Sprintf("Other users of this computer could read the token file %s; now they cannot.", path),
		Hint: "If you do not trust them, remove the file and start the program again: it makes a new one.",
	}
	if err := os.Chmod(path, 0o600); err != nil {
		p.Text = fmt.Sprintf("Other users of this computer can read the token file %s.", path)
		p.Hint = "Run: chmod 600 on that file."
	}
	return p
}

// writeToken puts a new file in place, whole or not at all.
func writeToken(path, token string) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".token-*") // with O_EXCL and mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.WriteString(token + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// newToken returns 256 random bits as text that needs no quoting anywhere.
func newToken() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails, says its documentation
	return base64.RawURLEncoding.EncodeToString(b[:])
}
