"""What officials call each fact, in Vietnamese. English texts use the event's own name."""

from __future__ import annotations

VIETNAMESE: dict[str, str] = {
    "CouncilEstablished": "Thành lập Hội đồng thẩm định tỉnh",
    "CouncilChanged": "Kiện toàn Hội đồng thẩm định tỉnh",
    "DossierOpened": "Mở hồ sơ",
    "SelfAssessmentRecorded": "Tự đánh giá",
    "OwnMeetingRecorded": "Họp tự đánh giá",
    "DossierSubmitted": "Gửi hồ sơ đến tỉnh",
    "DossierSubmittedToDistrictCouncil": "Gửi hồ sơ đến Hội đồng thẩm định cấp huyện",
    "DossierAppraised": "Hội đồng thẩm định cấp huyện họp thẩm định",
    "DossierSentToProvince": "Huyện gửi hồ sơ của xã đến tỉnh",
    "DossierRefusedByDistrictCouncil": "Hội đồng thẩm định cấp huyện không đề nghị",
    "DossierReceived": "Tiếp nhận đủ hồ sơ",
    "DossierReturned": "Trả lại hồ sơ để bổ sung",
    "DossierForwardedToCouncil": "Gửi văn bản đến các thành viên Hội đồng",
    "FieldInspectionRecorded": "Kiểm tra thực tế",
    "CriterionVerified": "Kết quả thẩm định tiêu chí",
    "VerificationCorrected": "Đính chính kết quả thẩm định",
    "ResultsSummedUp": "Tổng hợp kết quả thẩm định",
    "DossierClosedAsUnfavourable": "Kết thúc hồ sơ do không đủ điều kiện",
    "CouncilMeetingRecorded": "Hội đồng thẩm định tỉnh họp",
    "RecognitionProposed": "Trình UBND tỉnh",
    "RecognitionApproved": "Quyết định công nhận",
    "RecognitionRejected": "Không công nhận",
    "RecognitionAnnounced": "Công bố",
    "DossierWithdrawn": "Rút hồ sơ",
    "FactCorrected": "Đính chính sự kiện",
    "DecisionCorrected": "Đính chính quyết định",
    "DecisionRevoked": "Hủy bỏ quyết định công nhận",
    "EarlierRecognitionRecorded": "Ghi nhận quyết định công nhận trước khi có hệ thống",
}
"""Event → title; a test proves that none is forgotten."""
