package httpapi

import (
	"mime"
	"net/http"
)

const maxFormBytes = 256 << 10

var errForm = &apiError{415, "MPT-HTTP-FORM", "The body is not that of a form.", "Use the status page, or send JSON to /api/v1."}

// readForm reads a form of the status page into r.PostForm. If it cannot, it answers
// and returns false.
func readForm(w http.ResponseWriter, r *http.Request) bool {
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/x-www-form-urlencoded" {
		refuse(w, r, errForm)
		return false
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxFormBytes)
	if r.ParseForm() != nil {
		refuse(w, r, badBody("The form cannot be read, or is too large."))
		return false
	}
	return true
}

// backToPage has the browser load the page anew, so that to do so once more sends nothing twice.
func backToPage(w http.ResponseWriter) {
	w.Header().Set("Location", "/")
	w.WriteHeader(http.StatusSeeOther)
}

// approvePage approves the launch that the page showed. One that has changed since is
// not approved, and is shown as it is now.
func (s *Server) approvePage(w http.ResponseWriter, r *http.Request) {
	if !readForm(w, r) {
		return
	}
	name := r.PostForm.Get("server")
	if err := s.opt.Commands.Approve(r.Context(), name, r.PostForm.Get("launch_id")); err != nil {
		e := commandError(err, name)
		if e.status == http.StatusInternalServerError {
			s.opt.Logger.Error("command failed", "path", r.URL.Path, "server", name, "err", err)
		}
		s.showPage(w, e.status, draft{note: visible(e.text + " " + e.hint)})
		return
	}
	backToPage(w)
}
