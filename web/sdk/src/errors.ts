import type { Problem } from './wire.ts';

/** What a {@link StageError} is about. */
export enum StageErrorCode {
  TOKEN_MALFORMED = 1,
  TOKEN_EXPIRED = 2,
  TIMEOUT = 3,
  FAILED = 4,
  CANCELED = 5,
  STAGE_AT_CAPACITY = 6,
  CODEC_MISMATCH = 7,
  TOKEN_NOT_ALLOWED = 8,
  STAGE_DELETED = 9,
  PARTICIPANT_DISCONNECTED = 10,
}

/** Which operation a {@link StageError} ended. */
export enum StageErrorCategory {
  JOIN_ERROR = 'JOIN_ERROR',
  PUBLISH_ERROR = 'PUBLISH_ERROR',
  SUBSCRIBE_ERROR = 'SUBSCRIBE_ERROR',
}

export class StageError extends Error {
  override readonly name = 'StageError';

  constructor(
    readonly code: StageErrorCode,
    readonly category: StageErrorCategory,
    message: string,
    /** The server's code, which is more exact: docs/protocol.md lists them. */
    readonly serverCode?: string,
  ) {
    super(message);
  }
}

/** A request that the server refused. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    /** Seconds until another attempt makes sense. */
    readonly retryAfter = 0,
  ) {
    super(message);
  }

  static of(problem: Problem): Refusal {
    return new Refusal(problem.status, problem.code, problem.detail ?? problem.title, problem.retryAfter);
  }

  /** Reads a refusal from an answer: a problem document (RFC 9457), or only a status. */
  static async from(answer: Response): Promise<Refusal> {
    const after = Number(answer.headers.get('Retry-After')) || 0; // it may be a date
    try {
      const { code, detail, title } = (await answer.json()) as Problem;
      return new Refusal(answer.status, String(code), String(detail ?? title), after);
    } catch {
      return new Refusal(answer.status, 'FAILED', `The server answered ${answer.status}.`, after);
    }
  }

  /** Whether every other attempt is refused, too. */
  get final(): boolean {
    return [400, 401, 403, 413, 415, 422].includes(this.status) || this.code === 'STAGE_DELETED' || this.code === 'TOKEN_REUSED';
  }

  asStageError(category: StageErrorCategory): StageError {
    return new StageError(codeOf(this.code), category, this.message, this.code);
  }
}

function codeOf(code: string): StageErrorCode {
  const known = StageErrorCode[code as keyof typeof StageErrorCode];
  return typeof known === 'number' ? known : StageErrorCode.FAILED;
}
