package api

import "time"

// SetSecret gives a secret that Slipway is to keep, sealed.
type SetSecret struct {
	Secret string `json:"secret" minLength:"1" maxLength:"4096"`
}

// Secret says that a secret is kept, and never what it is.
type Secret struct {
	Name  string     `json:"name"`
	Set   bool       `json:"set"`
	Since *time.Time `json:"since,omitempty"`
	By    string     `json:"by,omitempty" doc:"Who set it."`
	Key   string     `json:"key,omitempty" doc:"Id of the vault's key that it is sealed with."`
	Used  *time.Time `json:"used,omitempty" doc:"When it was opened last, to the hour; left out: not yet."`
}

// Vault says which keys the sealed secrets stand on.
type Vault struct {
	Current string     `json:"current" doc:"Id of the key that seals; empty where there is none yet."`
	Own     bool       `json:"own" doc:"Slipway made its keys itself, in a file beside the database."`
	Keys    []VaultKey `json:"keys"`
	Signing SigningKey `json:"signing"`
}

// SigningKey is the key that votes are signed with. Its secret half is told nobody.
type SigningKey struct {
	Kept     string   `json:"kept" enum:"sealed,bare,environment" doc:"bare: in the database as it is, because the vault has no key."`
	Public   []string `json:"public" doc:"Public keys in hex that a genuine vote may be signed with: those of now and before."`
	Sentence string   `json:"sentence"`
}

// VaultKey is a key that has sealed something.
type VaultKey struct {
	ID      string `json:"id"`
	Secrets int64  `json:"secrets" doc:"How many stand on it."`
	Missing bool   `json:"missing,omitempty" doc:"The vault has it not: what it sealed can't be opened."`
}

// VaultRotation is what came of a change of keys.
type VaultRotation struct {
	Key      string   `json:"key" doc:"Id of the key that seals now."`
	Sealed   int      `json:"sealed" doc:"Secrets that were sealed again."`
	Old      []string `json:"old" doc:"Ids of keys that still hold a secret: do not take them away."`
	Sentence string   `json:"sentence"`
}
