//! `/v1/audit`: who changed what, through which door. Each change is also a line in the log.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::Json;
use axum::extract::State;
use axum::http::Method;
use axum::response::Response;
use serde::Serialize;
use tokio::task_local;
use utoipa::ToSchema;

use super::error::ErrorBody;
use super::sessions::Caller;
use super::{Role, Shared};
use crate::control::json::Timestamp;

/// How many changes are kept here; the log has them all.
const KEPT: usize = 1_000;

/// A request that changes something, whatever came of it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct AuditView {
    /// When it was answered, like `2026-11-21T09:30:00.000Z`.
    at: String,
    /// The user's or the token's name.
    who: String,
    /// The role at that time.
    role: Role,
    /// How that was shown: `session`, `token` or `signature`.
    by: &'static str,
    /// `POST`, `DELETE`.
    method: String,
    /// What was asked for.
    path: String,
    /// The answer: 2xx when it was done.
    status: u16,
}

/// Changes.
#[derive(Serialize, ToSchema)]
pub(super) struct AuditList {
    /// The newest first.
    audit: Vec<AuditView>,
}

task_local! {
    /// Who sends the request that this task answers, once that is known.
    static ASKED_BY: RefCell<Option<Caller>>;
}

/// Notes who sends the request that is being answered.
pub(super) fn asked_by(caller: Caller) {
    // An error means that nobody listens: a test calls the handler by itself.
    let _ = ASKED_BY.try_with(|asked_by| asked_by.replace(Some(caller)));
}

/// The answer, and who asked for it, if that was noted.
pub(super) async fn listening(
    answer: impl Future<Output = Response>,
) -> (Response, Option<Caller>) {
    let both = async {
        let response = answer.await;
        (response, ASKED_BY.with(RefCell::take))
    };
    ASKED_BY.scope(RefCell::default(), both).await
}

/// The last changes.
#[derive(Default)]
pub(super) struct Audit(Mutex<VecDeque<AuditView>>);

impl Audit {
    /// Keeps and logs a request that was answered.
    pub(super) fn note(
        &self,
        caller: &Caller,
        at: Timestamp,
        method: &Method,
        path: &str,
        status: u16,
    ) {
        let (who, role, by) = (&*caller.name, caller.role.as_str(), caller.by);
        tracing::info!(target: "sidestream::audit", who, role, by, %method, path, status, "change");
        let mut kept = self.kept();
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(AuditView {
            at: at.to_string(),
            who: who.to_owned(),
            role: caller.role,
            by,
            method: method.to_string(),
            path: path.to_owned(),
            status,
        });
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<AuditView>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who asked for which change since the start, as far as the last thousand go.
#[utoipa::path(get, path = "/v1/audit", tag = "console",
    responses((status = 200, body = AuditList), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody)))]
pub(super) async fn list(State(shared): State<Shared>) -> Json<AuditList> {
    Json(AuditList { audit: shared.audit.kept().iter().rev().cloned().collect() })
}
