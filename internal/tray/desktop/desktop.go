// Package desktop asks the desktop's own programs to show a file or an address, to
// take a text to the clipboard or to read it. It is not for notifications or the tray itself.
//
// A Desktop has no state; its methods may be called concurrently and return soon.
package desktop

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"time"

	"github.com/atotto/clipboard"
)

// A Desktop is the desktop of the user who started the program. Its errors are
// worded for people.
type Desktop struct {
	// Start starts a program that is the user's from then on: it outlives this one,
	// with its terminal and its process group. It must be set.
	Start func(*exec.Cmd) error
}

// copyLimit is how long a clipboard tool may take: xclip waits for a display that hangs.
const copyLimit = 3 * time.Second

// OpenFile shows a file in the program the user has chosen for its kind. It does
// not wait for that program.
func (d Desktop) OpenFile(path string) error {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no %s yet", path)
	} else if err != nil {
		return fmt.Errorf("%s cannot be read", path)
	}
	cmd := opener(path)
	if cmd.Err != nil {
		return fmt.Errorf("there is no program to open it with: %s; the file is %s", openHint, path)
	}
	if err := d.Start(cmd); err != nil {
		return fmt.Errorf("%s could not be started; the file is %s", cmd.Path, path)
	}
	go reap(cmd)
	return nil
}

// settle is how long an opener may take to say that there is no browser; some are
// the browser itself and run as long as it does.
const settle = 1500 * time.Millisecond

// OpenURL shows an address in the user's browser. It waits only as long as the
// opener may take to find that there is none.
func (d Desktop) OpenURL(url string) error { return d.OpenURLWith("", url) }

// OpenURLWith is OpenURL that lets the browser come to the front, with the token
// that came with the user's click; an empty one is none.
func (d Desktop) OpenURLWith(token, url string) error {
	if !present() {
		return errors.New("there is no desktop here to show it on")
	}
	cmd := browser(url)
	if token != "" {
		cmd.Env = append(cmd.Environ(), "XDG_ACTIVATION_TOKEN="+token)
	}
	if cmd.Err != nil {
		return fmt.Errorf("there is no program to open it with: %s", openHint)
	}
	if err := d.Start(cmd); err != nil {
		return fmt.Errorf("%s could not be started", cmd.Path)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			return errors.New("no browser took it")
		}
	case <-time.After(settle):
	}
	return nil
}

// reap waits for a program that was opened, which may be long after this one has
// forgotten it; so nobody waits for reap.
func reap(cmd *exec.Cmd) { _ = cmd.Wait() }

// CopyText puts text on the clipboard.
func (Desktop) CopyText(text string) error {
	if clipboard.Unsupported {
		return errors.New("there is no program to copy with: install wl-clipboard (Wayland), xclip or xsel (X11)")
	}
	done := make(chan error, 1)
	go func() { done <- clipboard.WriteAll(text) }() // the library takes no context; the tool's end ends it
	select {
	case err := <-done:
		if err != nil {
			return errors.New("the clipboard did not take it")
		}
		return nil
	case <-time.After(copyLimit):
		return errors.New("the clipboard did not answer")
	}
}

// CanPaste reports whether there is a program to read the clipboard with.
func (Desktop) CanPaste() bool { return !clipboard.Unsupported }

// PasteText returns the text on the clipboard.
func (Desktop) PasteText() (string, error) {
	type answer struct {
		text string
		err  error
	}
	done := make(chan answer, 1)
	go func() { // the library takes no context; the tool's end ends it
		text, err := clipboard.ReadAll()
		done <- answer{text, err}
	}()
	select {
	case a := <-done:
		if a.err != nil || a.text == "" {
			return "", errors.New("the clipboard holds no text")
		}
		return a.text, nil
	case <-time.After(copyLimit):
		return "", errors.New("the clipboard did not answer")
	}
}
