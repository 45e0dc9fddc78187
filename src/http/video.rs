//! Stored streams, read as boto3's three clients of Kinesis Video Streams read theirs: with another `endpoint_url`, or by anybody with a
//! token.

use std::sync::Arc;

use axum::Json;
use axum::body::Body as HttpBody;
use axum::extract::{OriginalUri, State};
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;

use super::access::Effect;
use super::contact::{ERROR_TYPE, REQUEST_ID};
use super::error::ApiError;
use super::request::Body;
use super::settings::Scope;
use super::sigv4::{SignatureError, SignedRequest};
use super::{Shared, access};
use crate::control::video::{
    self, DataEndpointView, DescribeStreamView, FragmentView, LIST_FRAGMENTS, LIST_STREAMS,
    ListFragmentsView, ListStreamsView, MediaStart, StreamInfoView, VideoError, VideoErrorView,
    VideoRefusal, VideoRequest,
};
use crate::fragments::{Fragment, Kept, Start, StreamStore};

/// What the three clients sign for.
const SERVICE: &str = "kinesisvideo";

/// Which proxies set when they speak TLS for us.
const FORWARDED_PROTOCOL: HeaderName = HeaderName::from_static("x-forwarded-proto");

type Answer<T> = Result<T, VideoRefusal>;

/// Where the media of a stream is read: here.
#[utoipa::path(post, path = "/getDataEndpoint", tag = "stream store", request_body = VideoRequest,
    responses((status = 200, body = DataEndpointView), (status = 400, body = VideoErrorView),
        (status = 403, body = VideoErrorView), (status = 404, body = VideoErrorView)))]
pub(super) async fn data_endpoint(
    State(shared): State<Shared>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Result<Body, ApiError>,
) -> Response {
    let endpoint = |request: VideoRequest| {
        find(&shared, &request)?;
        let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let host = text(HOST).unwrap_or("localhost");
        let scheme = text(FORWARDED_PROTOCOL).filter(|it| *it == "https").unwrap_or("http");
        Ok(DataEndpointView { data_endpoint: format!("{scheme}://{host}") })
    };
    json(admit(&shared, &uri, &headers, body).and_then(endpoint))
}

/// One stream.
#[utoipa::path(post, path = "/describeStream", tag = "stream store", request_body = VideoRequest,
    responses((status = 200, body = DescribeStreamView), (status = 400, body = VideoErrorView),
        (status = 403, body = VideoErrorView), (status = 404, body = VideoErrorView)))]
pub(super) async fn describe(
    State(shared): State<Shared>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Result<Body, ApiError>,
) -> Response {
    let described = |request: VideoRequest| {
        let (store, kept) = find(&shared, &request)?;
        Ok(DescribeStreamView { stream_info: info(store, &kept) })
    };
    json(admit(&shared, &uri, &headers, body).and_then(described))
}

/// The streams of every store, by name.
#[utoipa::path(post, path = "/listStreams", tag = "stream store", request_body = VideoRequest,
    responses((status = 200, body = ListStreamsView), (status = 400, body = VideoErrorView),
        (status = 403, body = VideoErrorView)))]
pub(super) async fn list_streams(
    State(shared): State<Shared>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Result<Body, ApiError>,
) -> Response {
    let listed = |request: VideoRequest| {
        let (prefix, after, most) =
            (request.prefix()?, request.token()?, request.most(LIST_STREAMS)?);
        let stores = shared.gateway.stores.iter();
        let mut found: Vec<StreamInfoView> = stores
            .flat_map(|store| {
                let kept = store.list(prefix, &after, most + 1);
                kept.into_iter().map(move |kept| info(store, &kept))
            })
            .collect();
        found.sort_by(|one, other| one.stream_name.cmp(&other.stream_name));
        let is_more = found.len() > most;
        found.truncate(most);
        let last = found.last().filter(|_| is_more);
        let next_token = last.map(|last| video::token(&last.stream_name));
        Ok(ListStreamsView { stream_info_list: found, next_token })
    };
    json(admit(&shared, &uri, &headers, body).and_then(listed))
}

/// The fragments of a stream.
#[utoipa::path(post, path = "/listFragments", tag = "stream store", request_body = VideoRequest,
    responses((status = 200, body = ListFragmentsView), (status = 400, body = VideoErrorView),
        (status = 403, body = VideoErrorView), (status = 404, body = VideoErrorView)))]
pub(super) async fn list_fragments(
    State(shared): State<Shared>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Result<Body, ApiError>,
) -> Response {
    let listed = |request: VideoRequest| {
        let (_, kept) = find(&shared, &request)?;
        let (most, selects) = (request.most(LIST_FRAGMENTS)?, request.selects()?);
        let after = request.token()?.parse().unwrap_or(0);
        let all = kept.after(after, usize::MAX);
        let mut wanted = all.iter().filter(|it| selects(it.server_ms, it.producer_ms));
        let fragments: Vec<FragmentView> = wanted.by_ref().take(most).map(fragment_view).collect();
        let last = fragments.last().filter(|_| wanted.next().is_some());
        let next_token = last.map(|last| video::token(&last.fragment_number));
        Ok(ListFragmentsView { fragments, next_token })
    };
    json(admit(&shared, &uri, &headers, body).and_then(listed))
}

/// The media of a stream as Matroska, for as long as it is spoken: a chunk per fragment.
#[utoipa::path(post, path = "/getMedia", tag = "stream store", request_body = VideoRequest,
    responses((status = 200, content_type = "video/webm"), (status = 400, body = VideoErrorView),
        (status = 403, body = VideoErrorView), (status = 404, body = VideoErrorView)))]
pub(super) async fn get_media(
    State(shared): State<Shared>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Result<Body, ApiError>,
) -> Response {
    let reader = admit(&shared, &uri, &headers, body).and_then(|request| {
        let start = match request.start()? {
            MediaStart::Now => Start::Now,
            MediaStart::Earliest => Start::Earliest,
            MediaStart::After(number) => Start::After(number),
            MediaStart::ServerTime(at) => Start::ServerTime(at),
            MediaStart::ProducerTime(at) => Start::ProducerTime(at),
        };
        let (store, kept) = find(&shared, &request)?;
        let limit = |error: crate::fragments::ReadError| {
            VideoRefusal::new(VideoError::ClientLimitExceeded, error.to_string())
        };
        store.read(&kept, start).map_err(limit)
    });
    let stop = shared.gateway.stop.clone();
    let media = reader.map(|reader| {
        let next = move |mut reader: crate::fragments::Reader| {
            let stop = stop.clone();
            async move {
                let fragment = tokio::select! {
                    fragment = reader.next() => fragment?,
                    () = stop.cancelled() => return None,
                };
                Some((Ok::<Bytes, std::convert::Infallible>(fragment), reader))
            }
        };
        HttpBody::from_stream(stream::unfold(reader, next))
    });
    matroska(media)
}

/// These fragments of a stream.
#[utoipa::path(post, path = "/getMediaForFragmentList", tag = "stream store", request_body = VideoRequest,
    responses((status = 200, content_type = "video/webm"), (status = 400, body = VideoErrorView),
        (status = 403, body = VideoErrorView), (status = 404, body = VideoErrorView)))]
pub(super) async fn get_fragments(
    State(shared): State<Shared>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Result<Body, ApiError>,
) -> Response {
    let found = admit(&shared, &uri, &headers, body).and_then(|request| {
        let (store, kept) = find(&shared, &request)?;
        let mut fragments = Vec::new();
        for number in request.numbers()? {
            let missing = || {
                let message = format!("the stream has no fragment {number}");
                VideoRefusal::new(VideoError::ResourceNotFound, message)
            };
            fragments.push(kept.fragment(number).ok_or_else(missing)?);
        }
        Ok((store.clone(), kept, fragments.into_iter()))
    });
    let media = found.map(|found| {
        let next =
            |(store, kept, mut fragments): (StreamStore, Arc<Kept>, std::vec::IntoIter<_>)| async {
                let fragment: Fragment = fragments.next()?;
                let read = tokio::task::spawn_blocking(move || {
                    let bytes = store.read_fragment(&kept, fragment);
                    (bytes, store, kept)
                });
                let (bytes, store, kept) = read.await.ok()?;
                Some((bytes, (store, kept, fragments)))
            };
        HttpBody::from_stream(stream::unfold(found, next))
    });
    matroska(media)
}

/// Lets a request pass that is signed by somebody known here, or presents a token.
fn admit(
    shared: &Shared,
    uri: &Uri,
    headers: &HeaderMap,
    body: Result<Body, ApiError>,
) -> Answer<VideoRequest> {
    let Body(body) =
        body.map_err(|error| VideoRefusal::new(VideoError::InvalidArgument, error.to_string()))?;
    let signed =
        SignedRequest { service: SERVICE, method: &Method::POST, uri, headers, body: &body };
    let admitted = access::admit_signed(shared, &signed, Effect::Reads);
    let token = admitted.map_err(|error| {
        let kind = match error {
            SignatureError::Unsigned | SignatureError::UnknownKey => VideoError::UnrecognizedClient,
            SignatureError::Malformed(_)
            | SignatureError::Skewed
            | SignatureError::Replayed
            | SignatureError::Forbidden
            | SignatureError::Mismatch => VideoError::InvalidSignature,
        };
        VideoRefusal::new(kind, error.to_string())
    })?;
    if !token.scopes.contains(&Scope::Media) {
        let message = format!("the key `{}` has not the scope `media`", token.id);
        return Err(VideoRefusal::new(VideoError::NotAuthorized, message));
    }
    video::read(&body)
}

fn find<'s>(shared: &'s Shared, request: &VideoRequest) -> Answer<(&'s StreamStore, Arc<Kept>)> {
    let name = request.name()?;
    let mut stores = shared.gateway.stores.iter();
    let found = stores.find_map(|store| Some((store, store.named(name)?)));
    found.ok_or_else(|| {
        VideoRefusal::new(VideoError::ResourceNotFound, "there is no such stream, or it is too old")
    })
}

fn info(store: &StreamStore, kept: &Kept) -> StreamInfoView {
    StreamInfoView {
        stream_name: kept.name().to_owned(),
        stream_arn: kept.arn(),
        media_type: "audio/L16",
        version: "1",
        status: "ACTIVE",
        creation_time: video::seconds(kept.created_unix_ms()),
        data_retention_in_hours: store.settings().retention.as_secs() / 3600,
    }
}

fn fragment_view(fragment: &Fragment) -> FragmentView {
    FragmentView {
        fragment_number: fragment.number_text(),
        fragment_size_in_bytes: fragment.length,
        producer_timestamp: video::seconds(fragment.producer_ms),
        server_timestamp: video::seconds(fragment.server_ms),
        fragment_length_in_milliseconds: fragment.duration_ms,
    }
}

fn json<T: serde::Serialize>(answer: Answer<T>) -> Response {
    finished(answer.map(|view| Json(view).into_response()))
}

/// The service calls every payload of Matroska so.
fn matroska(media: Answer<HttpBody>) -> Response {
    let kind = HeaderValue::from_static("video/webm");
    finished(media.map(|body| ([(CONTENT_TYPE, kind)], body).into_response()))
}

fn finished(answer: Answer<Response>) -> Response {
    let mut response = answer.unwrap_or_else(|refusal| {
        let status = StatusCode::from_u16(refusal.error.status())
            .expect("the table holds only statuses of HTTP");
        let kind = HeaderValue::from_static(refusal.error.type_name());
        let body = VideoErrorView { message: refusal.message };
        (status, [(ERROR_TYPE, kind)], Json(body)).into_response()
    });
    let id = HeaderValue::from_str(&format!("{:032x}", rand::random::<u128>()))
        .expect("hexadecimal digits are visible");
    response.headers_mut().insert(REQUEST_ID, id);
    response
}
