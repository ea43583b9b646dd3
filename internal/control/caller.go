package control

import (
	"rostrum/internal/policy"
	"rostrum/internal/store"
)

// A Caller is who asks for an operation, as its door has proven.
type Caller struct {
	Account     string // 12 digits
	Region      string // of the signature's scope: the region the operation happens in
	AccessKeyID string
	UserName    string
	Address     string // where the request came from, without the port
	Secure      bool   // it came over TLS
	RequestID   string

	// Policies say what the caller may do; nil means everything in the account.
	Policies []*policy.Policy
	Tags     map[string]string // of the principal
}

// owner is whose resources the caller makes and sees.
func (c Caller) owner() store.Owner { return store.Owner{Account: c.Account, Region: c.Region} }
