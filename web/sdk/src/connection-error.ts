export enum RealTimeConnectionErrorCode {
  CONNECTION_TOKEN_INVALID = 1053,
  CONNECTION_TOKEN_EXPIRED = 1054,
  /** The server can't be reached, or ended the connection. */
  CONNECTION_FAILED = 1306,
  /** The connection of a stage comes from another copy of this SDK. */
  CONNECTION_NOT_RECOGNIZED = 1312,
}

/** Why a connection failed. */
export class RealTimeConnectionError extends Error {
  override readonly name = 'RealTimeConnectionError';

  constructor(
    readonly code: RealTimeConnectionErrorCode,
    message: string,
    /** The server's code, which is more exact: docs/protocol.md lists them. */
    readonly details?: string,
  ) {
    super(message);
  }
}
