package ivsrealtime

// A PublicKey (ECDSA P-384) verifies participant tokens that an application signs
// with the private key.
type PublicKey struct {
	// The ARN, which names the public key in all operations:
	// arn:aws:ivs:region:account:public-key/id.
	ARN string `json:"arn,omitempty"`
	// A name for people.
	Name              string `json:"name"`
	PublicKeyMaterial string `json:"publicKeyMaterial,omitempty"` // PEM, as imported
	Fingerprint       string `json:"fingerprint,omitempty"`       // 16 colon-separated lower-case hex bytes
	// The tags, by key.
	Tags map[string]string `json:"tags"`
}

// PublicKeySummary is a PublicKey in ListPublicKeys.
type PublicKeySummary struct {
	// The ARN, which names the public key in all operations:
	// arn:aws:ivs:region:account:public-key/id.
	ARN string `json:"arn,omitempty"`
	// A name for people.
	Name string `json:"name"`
	// The tags, by key.
	Tags map[string]string `json:"tags"`
}

// ImportPublicKeyInput is the input of ImportPublicKey.
type ImportPublicKeyInput struct {
	// The public key, ECDSA on the curve P-384. PEM with the lines BEGIN PUBLIC KEY and END PUBLIC
	// KEY. Required.
	PublicKeyMaterial string `json:"publicKeyMaterial" shape:"publicKeyMaterial,required"`
	// A name for people. At most 128 letters, digits, hyphens and underscores; names need not be
	// unique.
	Name string `json:"name,omitempty" shape:"name"`
	// The tags, by key. At most 50; keys have 1 to 128 characters and do not begin with aws:, values
	// have up to 256.
	Tags map[string]string `json:"tags,omitempty" shape:"tags"`
}

// ImportPublicKeyOutput is the output of ImportPublicKey.
type ImportPublicKeyOutput struct {
	// The public key.
	PublicKey *PublicKey `json:"publicKey,omitempty"`
}

// GetPublicKeyInput is the input of GetPublicKey.
type GetPublicKeyInput struct {
	// The ARN of the public key. Required.
	ARN string `json:"arn" shape:"publicKeyARN,required"`
}

// GetPublicKeyOutput is the output of GetPublicKey.
type GetPublicKeyOutput struct {
	// The public key.
	PublicKey *PublicKey `json:"publicKey,omitempty"`
}

// DeletePublicKeyInput is the input of DeletePublicKey.
type DeletePublicKeyInput struct {
	// The ARN of the public key. Required.
	ARN string `json:"arn" shape:"publicKeyARN,required"`
}

// DeletePublicKeyOutput is the output of DeletePublicKey.
type DeletePublicKeyOutput struct{}

// RevokeConnectionTokenInput is the input of RevokeConnectionToken.
type RevokeConnectionTokenInput struct {
	TokenID string `json:"tokenId" shape:"connectionTokenID,required"` // the token's jti
}

// RevokeConnectionTokenOutput is the output of RevokeConnectionToken.
type RevokeConnectionTokenOutput struct{}

// ListPublicKeysInput is the input of ListPublicKeys; the default page size is 50.
type ListPublicKeysInput struct {
	// The token of the page, from the output before. At most 1,024 characters; empty for the first
	// page.
	NextToken string `json:"nextToken,omitempty" shape:"nextToken"`
	// The most entries of a page. 1 to 100.
	MaxResults *int `json:"maxResults,omitempty" shape:"maxResults"`
}

// ListPublicKeysOutput is the output of ListPublicKeys.
type ListPublicKeysOutput struct {
	// The public keys of this page.
	PublicKeys []PublicKeySummary `json:"publicKeys"`
	// The token of the next page; empty on the last one.
	NextToken string `json:"nextToken,omitempty"`
}
