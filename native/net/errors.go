package main

import (
	"errors"
	"fmt"

	"gvisor.dev/gvisor/pkg/tcpip"
)

// requestError is what a request on the control socket is answered with.
type requestError struct {
	Code    string       `json:"code"`
	Message string       `json:"message"`
	Details *portDetails `json:"details,omitempty"`
}

// portDetails says which port could not be published.
type portDetails struct {
	Protocol    string `json:"protocol"`
	HostAddress string `json:"hostAddress"`
	HostPort    uint16 `json:"hostPort"`
}

func failure(code, format string, values ...any) *requestError {
	return &requestError{Code: code, Message: fmt.Sprintf(format, values...)}
}

// errorOf makes an error of gvisor's.
func errorOf(err tcpip.Error) error { return errors.New(err.String()) }
